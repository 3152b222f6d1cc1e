import { type CsvError, parse } from 'csv-parse/sync'
import { FpkiError } from '../../../errors.js'
import { toUuid } from '../../../pki/device-policy.js'
import { separatorOf } from '../input/separator.js'

/** The list of devices that were shipped. */
export interface ShippedList {
  readonly content: Uint8Array
  /** Names it in messages. */
  readonly what: string
}

/**
 * How often each device is in a list: UUIDs, one per line, or CSV (comma, semicolon or tab) with a column `uuid`. Throws
 * ERR_BAD_FILE, with the line, when anything in it is not a UUID: a report must not leave out what nobody can read.
 */
export function countShipped({ content, what }: ShippedList): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { uuid, line } of rowsOf(textOf(content, what), what)) {
    const canonical = toUuid(uuid)
    if (canonical === null) throw unreadable(what, `line ${line} is not a UUID: ${JSON.stringify(uuid.slice(0, 80))}`)
    counts.set(canonical, (counts.get(canonical) ?? 0) + 1)
  }
  return counts
}

interface Row {
  readonly uuid: string
  readonly line: number
}

function textOf(content: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    throw unreadable(what, 'it is not UTF-8')
  }
}

function rowsOf(text: string, what: string): readonly Row[] {
  const lines = text.split(/\r?\n/)
  const separator = separatorOf(lines[0] ?? '')
  const first = lines.find((line) => line.trim() !== '')?.trim() ?? ''
  if (separator !== null || /[,;\t]/.test(first) || first.toLowerCase() === 'uuid')
    return csvRows(text, what, separator)
  return lines.map((line, at) => ({ uuid: line.trim(), line: at + 1 })).filter(({ uuid }) => uuid !== '')
}

/** @param separator that the first line names; null: that line is the header */
function csvRows(text: string, what: string, separator: string | null): readonly Row[] {
  const columns = (header: string[]) => {
    const names = header.map((name) => name.trim().toLowerCase())
    if (names.filter((name) => name === 'uuid').length === 1) return names
    throw unreadable(what, 'its first line has no column uuid, or several')
  }
  try {
    return parse(text, {
      delimiter: separator ?? [',', ';', '\t'],
      from_line: separator === null ? 1 : 2,
      ...{ bom: true, columns, skip_empty_lines: true, trim: true },
      // Of a million rows, only the UUIDs are kept.
      onRecord: (record: { readonly uuid: string }, { lines }: { readonly lines: number }): Row => ({
        uuid: record.uuid,
        line: lines,
      }),
    })
  } catch (error) {
    if (!isCsvError(error)) throw error
    throw unreadable(what, error.message.replace(/\.$/, ''))
  }
}

function isCsvError(error: unknown): error is CsvError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_')
}

function unreadable(what: string, reason: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `Cannot read ${what}: ${reason}.`,
    'Nothing was written. Give UUIDs, one per line, or CSV with a column uuid.',
    { option: 'shipped' },
  )
}
