import { type FpkiCode, FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import {
  type CertificateStatus,
  type PkiStatus,
  type PkiStatusResult,
  statusOfDirectories,
  statusOfShown,
} from '../../../operations/audit/status-pki.js'
import { proofInWords } from '../../../operations/backup/age.js'
import { shellWord } from '../../../shell-word.js'
import { resolved } from '../../directory.js'
import { EXIT, EXIT_FOUND } from '../../exit.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, style } from '../../output.js'

/** The flags of `ca status`. */
export interface StatusFlags extends CommonFlags {
  readonly prometheus?: true
  readonly warnDays: number
  readonly backupDays?: number
}

/** `fpki ca status [directories…]` */
export async function status(directories: readonly string[], flags: StatusFlags, io: Io): Promise<void> {
  if (flags.json && flags.prometheus) {
    throw new FpkiError('ERR_USAGE', '--json and --prometheus exclude each other.', 'Give one of them.')
  }
  const paths = directories.map((directory) => resolved(directory, io))
  await warnOfForeign(paths, flags, io)
  const found =
    paths.length === 0
      ? await ofFactory(flags, io)
      : await statusOfDirectories({ ...flags, directories: paths }, thisMachine(io.machine))
  if (flags.json) printJson(io, found)
  else if (flags.prometheus) io.stdout(await inMetrics(found))
  else io.stdout(inWords(found, flags, io))
  if (!flags.json) for (const problem of found.pkis.flatMap(({ problems }) => problems)) tell(problem, io)
  io.outcome.status = exitOf(found)
}

/** Loaded here, with prom-client: nothing else of the command needs it. */
async function inMetrics(found: PkiStatusResult): Promise<string> {
  const { metrics } = await import('./status-metrics.js')
  return metrics(found)
}

/** Loaded here, because `ca show` would otherwise have one file more to load at its start. */
async function ofFactory(flags: StatusFlags, io: Io): Promise<PkiStatusResult> {
  if (flags.backupDays !== undefined) {
    const hint = 'Name the PKI directory, which remembers its backups.'
    throw new FpkiError('ERR_USAGE', '--backup-days needs a PKI directory.', hint)
  }
  const { knownPki } = await import('./show.js')
  return statusOfShown({ ...flags, shown: await knownPki(flags, io) }, thisMachine(io.machine))
}

/** What is not valid now is certain; what cannot be read may hide an end that has passed, so it outweighs an end that is near. */
function exitOf({ state, pkis }: PkiStatusResult): number {
  if (state === 'expired' || state === 'not-yet-valid') return EXIT_FOUND.expired
  const problem = pkis.flatMap(({ problems }) => problems)[0]
  if (problem !== undefined) return EXIT[problem.code as FpkiCode]
  return state !== 'fine' || pkis.some(({ backupDue }) => backupDue) ? EXIT_FOUND.expiring : 0
}

function tell({ code, message, hint }: PkiStatus['problems'][number], io: Io): void {
  io.stderr(`${style(io, 'red', 'error:')} ${printable(message)} [${code}]\n  ${printable(hint)}\n`)
}

/** A block for each PKI. With --quiet, what is well is left out. */
function inWords({ pkis }: PkiStatusResult, { quiet = false }: StatusFlags, io: Io): string {
  return pkis.map((pki) => block(pki, quiet, io)).join('')
}

function block(pki: PkiStatus, quiet: boolean, io: Io): string {
  const { directory, factory, certificates, unfinished } = pki
  const told = certificates.filter(({ state }) => !quiet || state !== 'fine')
  const rows = told.map((certificate) => row(certificate, io))
  const resume = directory === null ? '' : `; finish it: ${printable(`fpki ca resume ${shellWord(directory)}`)}`
  const command = unfinished === null ? [] : [`  \`fpki ${printable(unfinished)}\` was interrupted${resume}`]
  const lines = [...rows, ...command, ...backupLine(pki, quiet, io)]
  if (lines.length === 0) return ''
  const title = `Factory ${printable(factory ?? 'unknown')}, ${printable(directory ?? 'as the Factory API knows it')}`
  return `${[title, ...lines].join('\n')}\n`
}

/** Of a directory that could be read. */
function backupLine(
  { directory, certificates, backup, backupDue }: PkiStatus,
  quiet: boolean,
  io: Io,
): readonly string[] {
  if (directory === null || certificates.length === 0 || (quiet && !backupDue)) return []
  const due = backupDue ? `  ${style(io, 'yellow', 'BACKUP DUE', 'stdout')}` : ''
  if (backup === null)
    return [
      `  no backup is known; make one with \`fpki ca backup ${printable(shellWord(directory))} --out FILE\`${due}`,
    ]
  const proof = proofInWords(backup, (time) => time.slice(0, 10))
  const changed = backup.outdated ? ', before the last change' : ''
  return [`  backup ${backup.madeAt.slice(0, 10)}${changed}, ${proof}: ${printable(backup.file)}${due}`]
}

const WORDS = { fine: '', expiring: 'EXPIRES SOON', 'not-yet-valid': 'NOT VALID YET', expired: 'EXPIRED' } as const
const COLOUR = { fine: 'dim', expiring: 'yellow', 'not-yet-valid': 'red', expired: 'red' } as const

function row({ role, file, notAfter, daysLeft, state, ...certificate }: CertificateStatus, io: Io): string {
  // The largest is that of a root until 9999: 2912111 days.
  const days = `${daysLeft} ${daysLeft === 1 ? 'day' : 'days'}`.padStart(12)
  const also = [certificate.disabled ? 'disabled' : '', certificate.notYetValid ? 'not valid yet' : '']
    .filter(Boolean)
    .join(', ')
  const word = WORDS[state] || also
  const name = file === null ? '' : `${printable(file).padEnd(17)} `
  return `  ${name}${role.padEnd(10)}${notAfter.slice(0, 10)} ${days}  ${style(io, COLOUR[state], word, 'stdout')}`.trimEnd()
}
