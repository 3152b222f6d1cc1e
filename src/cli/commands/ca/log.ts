import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import { readSerial } from '../../../operations/device-cas/ca-serials.js'
import { type CheckAuditLogResult, checkAuditLog } from '../../../operations/history/check-audit-log.js'
import {
  type AuditLogFilter,
  readSince,
  type ShowAuditLogResult,
  showAuditLog,
} from '../../../operations/history/show-audit-log.js'
import { resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, style } from '../../output.js'

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
    throw new FpkiError('ERR_USAGE', '--json and --csv exclude each other.', 'Give one of them.')
  const path = resolved(directory, io)
  const filter = {
    serial: flags.serial === undefined ? null : readSerial(flags.serial, 'serial', path).toString(),
    since: flags.since === undefined ? null : readSince(flags.since),
    kind: flags.kind ?? null,
  }
  await warnOfForeign([path], flags, io)
  const shown = await showAuditLog({ ...filter, directory: path }, thisMachine(io.machine))
  if (flags.json) printJson(io, shown)
  else if (flags.csv) io.stdout(await csv(shown.lines))
  else io.stdout(shown.lines.map(inWords).join(''))
}

function inWords(line: AuditLogLine): string {
  const { number, time, who, command, kind, certificates, crl, text } = line
  const told = [
    `${String(number).padStart(5)}  ${time}  ${who.name ?? who.uid}  ${command}  ${kind}`,
    ...(text === null ? [] : [`       ${text}`]),
    ...certificates.map(({ serial, subject, file }) => `       ${file ?? 'printed'}: ${subject}, serial ${serial}`),
    ...(crl === null ? [] : [`       CRL ${crl.number}, ${crl.reason}: ${crl.serials.join(', ')}`]),
  ]
  return `${told.map(printable).join('\n')}\n`
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

/**
 * RFC 4180: a row for each certificate and each serial number in a CRL, and one for a line with neither. Names come from
 * outside: a spreadsheet must not take one for a formula, and a terminal acts on no control character.
 */
async function csv(lines: readonly AuditLogLine[]): Promise<string> {
  const { stringify } = await import('csv-stringify/sync')
  const rows = [COLUMNS, ...lines.flatMap(rowsOf)].map((row) => row.map(printable))
  return stringify(rows, { record_delimiter: 'windows', escape_formulas: true })
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
    ...[one.serial, one.subject, one.fingerprint, one.profile ?? '', one.file ?? '', ''],
  ])
  const ofCrl = (crl?.serials ?? []).map((serial) => [
    serial,
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
  else if (!flags.quiet || checked.problems.length > 0) io.stdout(verdict(checked, io))
  if (checked.problems.length > 0) io.outcome.status = EXIT_FOUND.broken
}

function verdict(
  { directory, lines, signed, unsigned, begunAnew, torn, problems }: CheckAuditLogResult,
  io: Io,
): string {
  const path = printable(directory)
  const title =
    problems.length === 0
      ? `The audit log of ${path} holds: ${lines} ${lines === 1 ? 'line' : 'lines'}.`
      : style(io, 'red', `The audit log of ${path} does not hold.`, 'stdout')
  const told = [
    ...problems.map(({ code, message }) => `  ${message} [${code}]`),
    signed === null
      ? '  The root has signed for none of it yet.'
      : `  The root has signed for line ${signed.line}, at ${signed.at}; SHA-256 ${signed.hash}.`,
    ...(unsigned === 0 || signed === null
      ? []
      : [`  It has not signed for the ${unsigned} behind it; the next command that uses its key does.`]),
    ...(begunAnew === null
      ? []
      : [
          `  It was begun anew at ${begunAnew.at} (line ${begunAnew.line}): the earlier audit log was not there any more.`,
        ]),
    ...(torn ? ['  The last line was cut off in the writing; the next command removes what is left of it.'] : []),
  ]
  return `${[title, ...told.map(printable)].join('\n')}\n`
}
