import { thisMachine } from '../../../machine/index.js'
import type { LineFacts } from '../../../operations/devices/lines/line-facts.js'
import {
  listLines as list,
  type ShowLineResult,
  showLine as show,
} from '../../../operations/devices/lines/show-lines.js'
import { resolved } from '../../directory.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, printText } from '../../output.js'
import { storeOf } from '../../store.js'
import { cells, columnWidths, fieldLines } from '../../table.js'

type ShowFlags = CommonFlags & { readonly store?: string }

/** `fpki lines list <directory>` */
export async function listLines(directory: string, flags: ShowFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  await warnOfForeign([path], flags, io)
  const listed = await list({ directory: path, store: storeOf(flags, io) }, thisMachine(io.machine))
  if (flags.json) return printJson(io, listed)
  const rows = [['LINE', 'STATE', 'ISSUED', 'QUOTA', 'UNTIL', 'DEVICE CA'], ...listed.lines.map(rowOf)]
  const widths = columnWidths([15, 12, 10, 10, 10, 13], [0, 5], io)
  printText(io, rows.map((row) => `${cells(row, widths)}\n`).join(''))
}

function rowOf(line: LineFacts): readonly string[] {
  const { name, stateNow, issued, quota, until } = line
  return [
    name,
    stateNow.replaceAll('-', ' '),
    String(issued),
    String(quota ?? '-'),
    until?.slice(0, 10) ?? '-',
    caOf(line),
  ]
}

/** `fpki lines show <directory> <name>` */
export async function showLine(directory: string, name: string, flags: ShowFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  await warnOfForeign([path], flags, io)
  const shown = await show({ directory: path, store: storeOf(flags, io), name }, thisMachine(io.machine))
  if (flags.json) printJson(io, shown)
  else printText(io, fieldLines(fieldsOf(shown)))
}

function fieldsOf({
  line,
  issuedToday,
  leftToday,
  refusal,
  ...valid
}: ShowLineResult): readonly (readonly [string, string])[] {
  const { quota, left, perDay, from, until, hardwareIds, production, group } = line
  return [
    ['Line', line.name],
    ['State', line.state],
    ['Issues now', refusal === null ? 'yes' : `no: ${refusal.reason}`],
    ['Issued', `${line.issued}, ${issuedToday} of them today (UTC)`],
    ['Quota', quota === null ? 'no limit' : `${quota}, ${left} left`],
    ['Per day (UTC)', perDay === null ? 'no limit' : `${perDay}, ${leftToday} left today`],
    ['From', from ?? 'no limit'],
    ['Until', until ?? 'no limit'],
    ['Hardware IDs', hardwareIds?.join(', ') ?? 'any'],
    ['Production', production ? 'yes' : 'no: test devices only'],
    ['Group', group ?? 'any'],
    ['Reissue window', durationOf(line.reissueWindowSeconds)],
    ['Device CA', caOf(line)],
    ['Valid tokens', String(valid.tokens)],
    ['Valid stations', String(valid.stations)],
    ['Created', line.createdAt],
  ]
}

function caOf({ ca, caFile }: LineFacts): string {
  return ca === null ? 'local-ca.pem' : (caFile ?? ca)
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
] as const

function durationOf(seconds: number): string {
  const [unit, size] = UNITS.find(([, of]) => seconds > 0 && seconds % of === 0) ?? ['s', 1]
  return `${seconds / size}${unit}`
}
