import { fileURLToPath } from 'node:url'
import { namedFactory } from '../../../config/settings.js'
import { FpkiError } from '../../../errors.js'
import { deviceMachine } from '../../../machine/devices.js'
import { thisMachine } from '../../../machine/index.js'
import {
  type IssueDevicesOptions,
  type IssueDevicesResult,
  issueDevices,
} from '../../../operations/devices/issue/issue-devices.js'
import { planOutput } from '../../../operations/devices/output/plan.js'
import { filePath, resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import { checkStdin, keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, octetsOnStdout, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'
import { followBatch, isLineClosed, printSummary } from './batch-progress.js'
import { liveLine } from './live-line.js'

/** Beside the bundle of the command line. */
const THREAD = fileURLToPath(new URL('device-batch/device-batch-thread.js', import.meta.url))

/** The flags of `devices issue`. */
export interface IssueFlags extends CommonFlags, HsmFlags {
  readonly from: string
  readonly format: 'auto' | 'csv' | 'jsonl' | 'pem' | 'dir' | 'tar' | 'uuids'
  readonly out?: string
  readonly outFormat?: string
  readonly refused?: string
  readonly maxRefused?: number
  readonly dryRun?: true
  readonly line: string
  readonly ca?: string
  readonly makeKeys?: true
  readonly days?: number
  readonly production?: true
  readonly group?: string
  readonly gateway?: string
  readonly ostree?: string
  readonly store?: string
  readonly hsmSessions?: number
}

/** `fpki devices issue <directory>` */
export async function issue(directory: string, flags: IssueFlags, io: Io): Promise<void> {
  if (flags.out === '-' && flags.json) throw stdoutTwice()
  if (flags.from === '-') checkStdin(flags, 'the requests')
  const live = liveLine(io)
  const progress = progressOn(live.io, flags)
  const machine = thisMachine(io.machine)
  const ports = {
    ...machine,
    ...deviceMachine(machine, { program: THREAD, signal: io.signal }),
    stdin: io.stdin,
    isStdinTerminal: io.terminal.stdin === true,
    stdout: octetsOnStdout(io),
    progress,
    signal: io.signal,
    access: await keyAccess(flags, live.io, progress),
  }
  let read: number | null = null
  const onRead = (fraction: number) => {
    read = fraction
  }
  const options = optionsOf(directory, flags, io)
  const run = issueDevices(options, { ...ports, onRead })
  const result = await followBatch(run, () => read, live, flags)
  if (flags.json) printJson(io, result)
  else if (!flags.quiet || result.refused > 0) printSummary(result, options, io)
  io.outcome.status = statusOf(result)
}

function optionsOf(directory: string, flags: IssueFlags, io: Io): IssueDevicesOptions {
  const { from, out, outFormat = null, refused, line, hsmSessions = 4 } = flags
  return {
    ...LEFT_OUT,
    ...flags,
    ...{ line, hsmSessions, store: storeOf(flags, io) },
    directory: resolved(directory, io),
    factory: namedFactory(flags, io.env),
    input: { path: from === '-' ? null : filePath(from, io), format: flags.format },
    output: out === undefined ? null : planOutput(out === '-' ? out : filePath(out, io), outFormat),
    refusedFile: refused === undefined ? null : filePath(refused, io),
  }
}

/** What holds without the flag of that name. */
const LEFT_OUT = {
  ca: null,
  days: null,
  group: null,
  gateway: null,
  ostree: null,
  maxRefused: null,
  makeKeys: false,
  production: false,
  dryRun: false,
}

/** A batch with refused rows is done; one whose line was used up or not open is not. */
function statusOf({ refused, refusals }: IssueDevicesResult): number {
  if (isLineClosed(refusals)) return EXIT_FOUND.line
  return refused > 0 ? EXIT_FOUND.refused : 0
}

function stdoutTwice(): FpkiError {
  const text = 'The certificates and the summary as JSON cannot both go to stdout.'
  return new FpkiError('ERR_USAGE', text, 'Leave out --json, or write the certificates to a file: --out devices.jsonl')
}
