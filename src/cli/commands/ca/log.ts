import { counted } from '../../../counted.js'
import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import { readSerial } from '../../../operations/device-cas/ca-serials.js'
import { type CheckAuditLogResult, checkAuditLog } from '../../../operations/history/check-audit-log.js'
import {
  type AuditLogFilter,
  type ShowAuditLogResult,
  showAuditLog,
} from '../../../operations/history/show-audit-log.js'
import { readTime } from '../../../operations/read-time.js'
import { decimalToHex } from '../../../serial-hex.js'
import { resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn, style } from '../../output.js'

/** The flags of `ca log`. */
export interface LogFlags extends CommonFlags {
  readonly serial?: string
  readonly since?: string
  readonly kind?: NonNullable<AuditLogFilter['kind']>
  readonly csv?: true
}

type AuditLogLine = ShowAuditLogResult['lines'][number]

/** `fpki ca log <directory>` */
export async function log(directory: string, flags: LogFlags, io: Io): Promise<void> {
  if (flags.json && flags.csv)
    throw new FpkiError('ERR_USAGE', '--json and --csv are mutually exclusive.', 'Pass one of them.')
  const path = resolved(directory, io)
  const filter = {
    serial: flags.serial === undefined ? null : readSerial(flags.serial, 'serial', path).toString(),
    since: flags.since === undefined ? null : readTime(flags.since, 'since'),
    kind: flags.kind ?? null,
  }
  await warnOfForeign([path], flags, io)
  const shown = await showAuditLog({ ...filter, directory: path }, thisMachine(io.machine))
  if (flags.json) printJson(io, shown)
  else if (flags.csv) io.stdout(await csv(shown.lines))
  else printText(io, shown.lines.map(asText).join(''))
  if (!flags.json && shown.lines.length === 0)
    progressOn(io, flags).note(`None of the ${shown.total} lines of the audit log of ${path} matches.`)
}

function asText(line: AuditLogLine): string {
  const { number, time, who, command, kind, certificates, crl, text } = line
  const lines = [
    `${String(number).padStart(5)}  ${time}  by ${who.name ?? who.uid}  ${command}  ${kind}`,
    ...(text === null ? [] : [`       ${text}`]),
    ...certificates.map(
      ({ serial, subject, file }) => `       ${file ?? 'printed'}: ${subject}, serial ${decimalToHex(serial)}`,
    ),
    ...(crl === null ? [] : [`       CRL ${crl.number}, ${crl.reason}: ${crl.serials.map(decimalToHex).join(', ')}`]),
  ]
  return `${lines.map(printable).join('\n')}\n`
}

const COLUMNS = [
  'number',
  'time',
  'user',
  'uid',
  'command',
  'kind',
  'serial',
  'subject',
  'fingerprint',
  'profile',
  'file',
  'crl',
  'text',
]

/** A row for each certificate and each serial number in a CRL, and one for an entry with neither. */
async function csv(lines: readonly AuditLogLine[]): Promise<string> {
  const { csvText, safeCell } = await import('../../../csv.js')
  return csvText([COLUMNS, ...lines.flatMap(rowsOf).map((row) => row.map(safeCell))])
}

function rowsOf({
  number,
  time,
  who,
  command,
  kind,
  certificates,
  crl,
  text,
}: AuditLogLine): readonly (readonly string[])[] {
  const first = [String(number), time, who.name ?? '', String(who.uid), command, kind]
  const ofCertificates = certificates.map((one) => [
    ...[decimalToHex(one.serial), one.subject, one.fingerprint, one.profile ?? '', one.file ?? '', ''],
  ])
  const ofCrl = (crl?.serials ?? []).map((serial) => [
    decimalToHex(serial),
    '',
    crl?.fingerprint ?? '',
    crl?.reason ?? '',
    '',
    crl?.number ?? '',
  ])
  const all = [...ofCertificates, ...ofCrl]
  return (all.length === 0 ? [['', '', '', '', '', '']] : all).map((rest) => [...first, ...rest, text ?? ''])
}

/** `fpki ca log verify <directory>` */
export async function verifyLog(directory: string, flags: CommonFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  await warnOfForeign([path], flags, io)
  const checked = await checkAuditLog({ directory: path }, thisMachine(io.machine))
  if (flags.json) printJson(io, checked)
  else if (!flags.quiet || checked.problems.length > 0) printText(io, verdict(checked, io))
  if (checked.problems.length > 0) io.outcome.status = EXIT_FOUND.broken
}

function verdict(
  { directory, lines, signed, unsigned, begunAnew, torn, problems }: CheckAuditLogResult,
  io: Io,
): string {
  const path = printable(directory)
  const title =
    problems.length === 0
      ? `The audit log of ${path} is intact: ${counted(lines, 'line')}.`
      : style(io, 'red', `The audit log of ${path} is not intact.`, 'stdout')
  const details = [
    ...problems.map(({ code, message }) => `  ${message} [${code}]`),
    signed === null
      ? '  No line is signed by the root yet.'
      : `  Signed by the root up to line ${signed.line}, at ${signed.at}; SHA-256 ${signed.hash}.`,
    ...(unsigned === 0 || signed === null
      ? []
      : [`  The ${unsigned} after it will be signed by the next command that uses the root key.`]),
    ...(begunAnew === null
      ? []
      : [`  Started anew at ${begunAnew.at} (line ${begunAnew.line}), because the earlier audit log was missing.`]),
    ...(torn ? ['  The last line is incomplete; the next command removes it.'] : []),
  ]
  return `${[title, ...details.map(printable)].join('\n')}\n`
}
