import { namedFactory } from '../../../config/settings.js'
import { thisMachine } from '../../../machine/index.js'
import { isWrong } from '../../../operations/audit/verify/finding.js'
import { type VerifyPkiResult, verifyPki } from '../../../operations/audit/verify-pki.js'
import { resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import { factoryApiFor, factoryApiName } from '../../factory.js'
import { keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn, style } from '../../output.js'

/** The flags of `ca verify`. */
export interface VerifyFlags extends CommonFlags, HsmFlags {
  readonly offline?: true
  readonly skipRootKey?: true
  readonly strict?: true
  readonly warnDays: number
}

/** `fpki ca verify <directory>` */
export async function verify(directory: string, flags: VerifyFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  const machine = thisMachine(io.machine)
  // An invalid configuration is an error, not a finding.
  if (!flags.offline) await factoryApiName(flags, io, machine)
  const api = async (factory: string) =>
    (await factoryApiFor({ ...flags, factory }, io, machine, { changes: false })).api
  const options = { directory: path, factory: namedFactory(flags, io.env), warnDays: flags.warnDays }
  const access = await keyAccess(flags, io, progressOn(io, flags))
  const { passphrases } = access
  const ports = { access: flags.skipRootKey ? null : access, passphrases }
  const verified = await verifyPki(options, { ...machine, api: flags.offline ? null : api, ...ports })
  if (flags.json) printJson(io, verified)
  else printText(io, asText(verified, flags, io))
  if (verified.result === 'failure' || (flags.strict && verified.result === 'warning'))
    io.outcome.status = EXIT_FOUND.broken
}

type Finding = VerifyPkiResult['findings'][number]

const COLOUR = { ok: 'dim', notice: 'cyan', warning: 'yellow', failure: 'red' } as const

/** One line per finding, with severity, code, message and hint; with --quiet, only problems. */
function asText({ findings }: VerifyPkiResult, { quiet }: VerifyFlags, io: Io): string {
  const shown = findings.filter((one) => !quiet || isWrong(one))
  const width = Math.max(...shown.map(({ code }) => code.length))
  const lines = shown.map((one) => line(one, width, io))
  return [...lines, ...(quiet ? [] : [summary(findings)])].map((text) => `${text}\n`).join('')
}

function line({ status, code, message, hint }: Finding, width: number, io: Io): string {
  const what = `${printable(message)}${hint === null ? '' : ` ${printable(hint)}`}`
  return `${style(io, COLOUR[status], status.padEnd(7), 'stdout')}  ${code.padEnd(width)}  ${what}`
}

function summary(findings: readonly Finding[]): string {
  const count = (status: Finding['status']) => findings.filter((one) => one.status === status).length
  const plural = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`
  const notices = count('notice') === 0 ? '' : `${plural(count('notice'), 'notice')}, `
  return `${count('ok')} ok, ${notices}${plural(count('warning'), 'warning')}, ${plural(count('failure'), 'failure')}`
}
