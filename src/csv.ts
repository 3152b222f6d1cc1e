import { stringify } from 'csv-stringify/sync'
import { printable } from './printable.js'

/** Rows of CSV (RFC 4180) with CRLF. A cell with a line feed alone must be quoted too. */
export function csvText(rows: readonly (readonly string[])[]): string {
  return stringify(
    rows.map((row) => [...row]),
    { record_delimiter: 'windows', quoted_match: /[\r\n]/ },
  )
}

/**
 * Text of others for a cell of CSV: a spreadsheet would run what begins like a formula, so it gets an apostrophe in front, and
 * control characters are escaped. JSON lines have the text as it is.
 */
export function safeCell(text: string | null): string {
  const shown = printable(text ?? '')
  return /^[=+\-@\uff0b\uff0d\uff1d\uff20]/.test(shown) ? `'${shown}` : shown
}
