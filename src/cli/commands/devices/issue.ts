import { fileURLToPath } from 'node:url'
import { namedFactory } from '../../../config/settings.js'
import { FpkiError } from '../../../errors.js'
import { deviceMachine } from '../../../machine/devices.js'
import { thisMachine } from '../../../machine/index.js'
import { type IssueDevicesResult, issueDevices } from '../../../operations/devices/issue-devices.js'
import { planOutput } from '../../../operations/devices/output/plan.js'
import { filePath, resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import { keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { followBatch, printSummary } from './batch-progress.js'

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
  const progress = progressOn(io, flags)
  const machine = thisMachine(io.machine)
  const {
    out,
    outFormat = null,
    refused,
    days = null,
    group = null,
    gateway = null,
    ostree = null,
    store = null,
  } = flags
  if (out === '-' && flags.json) throw stdoutTwice()
  const run = issueDevices(
    {
      directory: resolved(directory, io),
      factory: namedFactory(flags, io.env),
      input: { path: flags.from === '-' ? null : filePath(flags.from, io), format: flags.format },
      output: out === undefined ? null : planOutput(out === '-' ? out : filePath(out, io), outFormat),
      refusedFile: refused === undefined ? null : filePath(refused, io),
      ...{ line: flags.line, ca: flags.ca ?? null, days, group, gateway, ostree, store },
      makeKeys: flags.makeKeys === true,
      production: flags.production === true,
      dryRun: flags.dryRun === true,
      maxRefused: flags.maxRefused ?? null,
      hsmSessions: flags.hsmSessions ?? 4,
    },
    {
      ...machine,
      ...deviceMachine(machine, { program: THREAD, signal: io.signal }),
      stdin: io.stdin,
      isStdinTerminal: io.terminal.stdin === true,
      stdout: { write: io.stdoutOctets ?? (async (octets) => io.stdout(Buffer.from(octets).toString())) },
      ...{ progress, signal: io.signal },
      access: await keyAccess(flags, io, progress),
    },
  )
  const result = await followBatch(run, () => null, io, flags)
  if (flags.json) printJson(io, result)
  else printSummary(result, io)
  io.outcome.status = statusOf(result)
}

/** A batch with refused rows is done; one whose line was used up or not open is not. */
function statusOf({ refused, refusals }: IssueDevicesResult): number {
  if (LINE_CODES.some((code) => code in refusals)) return EXIT_FOUND.line
  return refused > 0 ? EXIT_FOUND.refused : 0
}

const LINE_CODES = ['quota', 'daily-quota', 'window', 'line-paused', 'line-closed']

function stdoutTwice(): FpkiError {
  const text = 'The certificates and the summary as JSON cannot both go to stdout.'
  return new FpkiError('ERR_USAGE', text, 'Leave out --json, or write the certificates to a file: --out devices.jsonl')
}
