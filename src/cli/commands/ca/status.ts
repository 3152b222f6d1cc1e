import { counted } from '../../../counted.js'
import { dateOf } from '../../../day.js'
import { type FpkiCode, FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import {
  type CertificateStatus,
  type PkiStatus,
  type PkiStatusResult,
  statusOfDirectories,
  statusOfShown,
} from '../../../operations/audit/status-pki.js'
import { describeProof } from '../../../operations/backup/age.js'
import { shellWord } from '../../../shell-word.js'
import { resolved } from '../../directory.js'
import { EXIT, EXIT_FOUND } from '../../exit.js'
import { warnOfForeign } from '../../foreign.js'
import { type Io, printable, printJson, printProblem, printText, style } from '../../output.js'
import type { ReminderFlags, Reminders } from './status-reminders.js'

/** The flags of `ca status`. */
export interface StatusFlags extends ReminderFlags {
  readonly prometheus?: true
  readonly warnDays: number
  readonly backupDays?: number
}

/** `fpki ca status [directories…]` */
export async function status(directories: readonly string[], flags: StatusFlags, io: Io): Promise<void> {
  if (flags.json && flags.prometheus) {
    throw new FpkiError('ERR_USAGE', '--json and --prometheus are mutually exclusive.', 'Pass one of them.')
  }
  const reminders = await remindersOf(flags, io)
  const paths = directories.map((directory) => resolved(directory, io))
  await warnOfForeign(paths, flags, io)
  const report =
    paths.length === 0
      ? await ofFactory(flags, io)
      : await statusOfDirectories({ ...flags, directories: paths }, thisMachine(io.machine))
  if (flags.json) printJson(io, report)
  else if (flags.prometheus) io.stdout(await asMetrics(report))
  else printText(io, asText(report, flags, io))
  if (!flags.json) for (const problem of report.pkis.flatMap(({ problems }) => problems)) printProblem(io, problem)
  const failed = (await reminders?.deliver(report)) ?? []
  for (const error of failed) printProblem(io, error)
  io.outcome.status = exitOf(report, failed)
}

/** Loaded only when needed. */
async function remindersOf(flags: StatusFlags, io: Io): Promise<Reminders | null> {
  const { ics, webhook, webhookFile, webhookFormat } = flags
  const isWanted = [ics, webhook, webhookFile, webhookFormat].some((word) => word !== undefined)
  if (!isWanted && !io.env['FPKI_WEBHOOK']) return null
  const { reminders } = await import('./status-reminders.js')
  return reminders(flags, io)
}

/** Loaded only when needed, since it loads prom-client. */
async function asMetrics(report: PkiStatusResult): Promise<string> {
  const { metrics } = await import('./status-metrics.js')
  return metrics(report)
}

/** Loaded only when needed, so that `ca show` keeps a chunk of its own. */
async function ofFactory(flags: StatusFlags, io: Io): Promise<PkiStatusResult> {
  if (flags.backupDays !== undefined) {
    const hint = 'Pass the PKI directory, which records its backups.'
    throw new FpkiError('ERR_USAGE', '--backup-days requires a PKI directory.', hint)
  }
  const { readPki } = await import('./show.js')
  return statusOfShown({ ...flags, shown: await readPki(flags, io) }, thisMachine(io.machine))
}

/** An unreadable file may hide an expired certificate, so it takes precedence over one that expires soon. */
function exitOf({ state, pkis }: PkiStatusResult, failed: readonly FpkiError[]): number {
  if (state === 'expired' || state === 'not-yet-valid') return EXIT_FOUND.expired
  const problem = pkis.flatMap(({ problems }) => problems)[0]
  if (problem !== undefined) return EXIT[problem.code as FpkiCode]
  const [first] = failed
  if (first !== undefined) return EXIT[first.code]
  return state !== 'fine' || pkis.some(({ backupDue }) => backupDue) ? EXIT_FOUND.expiring : 0
}

/** A block for each PKI; with --quiet, only problems. */
function asText({ pkis }: PkiStatusResult, { quiet = false }: StatusFlags, io: Io): string {
  return pkis.map((pki) => block(pki, quiet, io)).join('')
}

function block(pki: PkiStatus, quiet: boolean, io: Io): string {
  const { directory, factory, certificates, unfinished } = pki
  const shown = certificates.filter(({ state }) => !quiet || state !== 'fine')
  const width = Math.max(17, ...shown.map(({ file }) => printable(file ?? '').length))
  const rows = shown.map((certificate) => row(certificate, width, io))
  const resume = directory === null ? '' : `; to finish: ${printable(`fpki ca resume ${shellWord(directory)}`)}`
  const command = unfinished === null ? [] : [`  \`fpki ${printable(unfinished)}\` was interrupted${resume}`]
  const lines = [...rows, ...deviceLine(pki, quiet), ...command, ...backupLine(pki, quiet, io)]
  if (lines.length === 0) return ''
  const title = `${pki.kit ? 'Kit of factory' : 'Factory'} ${printable(factory ?? 'unknown')}, ${printable(directory ?? 'from the Factory API')}`
  return `${[title, ...lines].join('\n')}\n`
}

/** What the device register has. */
function deviceLine({ devices }: PkiStatus, quiet: boolean): readonly string[] {
  if (devices === null || quiet) return []
  const { devices: count, production, expiring, expiringBefore, denied, unconfirmed } = devices
  const soon =
    expiring === 0 ? '' : `; ${expiring} ${expiring === 1 ? 'expires' : 'expire'} before ${dateOf(expiringBefore)}`
  const months = devices.expiringByMonth.filter((one) => one.devices > 0)
  return [
    `  ${counted(count, 'device')}, ${production} in production${soon}`,
    ...(denied + unconfirmed === 0 ? [] : [`  denied: ${denied}; renewals not confirmed yet: ${unconfirmed}`]),
    ...(months.length === 0
      ? []
      : [`  expiring by month: ${months.map((one) => `${one.month}: ${one.devices}`).join(', ')}`]),
  ]
}

/** The backup of a readable directory. */
function backupLine(
  { directory, certificates, backup, backupDue, kit }: PkiStatus,
  quiet: boolean,
  io: Io,
): readonly string[] {
  if (directory === null || certificates.length === 0 || (quiet && !backupDue)) return []
  // A kit can be exported again.
  if (kit && backup === null && !backupDue) return []
  const due = backupDue ? `  ${style(io, 'yellow', 'BACKUP DUE', 'stdout')}` : ''
  if (backup === null)
    return [
      `  no backup recorded; to write one: \`fpki ca backup ${printable(shellWord(directory))} --out FILE\`${due}`,
    ]
  const proof = describeProof(backup, dateOf)
  const changed = backup.outdated ? ', before the last change' : ''
  return [`  backup ${dateOf(backup.madeAt)}${changed}, ${proof}: ${printable(backup.file)}${due}`]
}

const WORDS = { fine: '', expiring: 'EXPIRES SOON', 'not-yet-valid': 'NOT VALID YET', expired: 'EXPIRED' } as const
const COLOUR = { fine: 'dim', expiring: 'yellow', 'not-yet-valid': 'red', expired: 'red' } as const

function row(
  { role, file, notAfter, daysLeft, state, ...certificate }: CertificateStatus,
  width: number,
  io: Io,
): string {
  // A root that is valid until 9999 has 2912111 days left.
  const days = counted(daysLeft, 'day').padStart(12)
  const { disabled, revoked, notYetValid } = certificate
  const also = [revoked ? 'revoked' : disabled ? 'disabled' : '', notYetValid ? 'not valid yet' : '']
    .filter(Boolean)
    .join(', ')
  const word = WORDS[state] || also
  const name = file === null ? '' : `${printable(file).padEnd(width)}  `
  return `  ${name}${role.padEnd(11)}${dateOf(notAfter)} ${days}${word === '' ? '' : `  ${style(io, COLOUR[state], word, 'stdout')}`}`
}
