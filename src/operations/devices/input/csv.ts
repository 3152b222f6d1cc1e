import { CsvError, parse } from 'csv-parse/sync'
import type { TextLine } from '../../../storage/text-lines.js'
import { COLUMNS, type InputRow, inputFrom, MAX_ROW_BYTES, type ReadCsrFile, shown, unreadable } from './row.js'
import { rowsOfLines } from './rows-of-lines.js'
import { separatorOf } from './separator.js'
import { lineProblem } from './text-inputs.js'

const NAMES: Readonly<Record<string, string>> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs' }

/** The header line of a CSV file. */
interface Header {
  readonly delimiter: string
  /** In the order of the file; null: ignored. */
  readonly columns: readonly (string | null)[]
}

/**
 * CSV with a header (RFC 4180): comma, semicolon or tab, quoted cells with line ends in them, and before the header perhaps
 * Excel's `sep=;`. A row with another number of cells than the header is an unreadable row. Throws ERR_BAD_FILE when there is no usable header, and where quotes are out
 * of place: how the lines after it were meant is unknown.
 *
 * @param note called once with the columns that are ignored
 */
export function csvRows(
  source: AsyncIterable<Buffer>,
  what: string,
  readCsrFile: ReadCsrFile,
  note: (text: string) => void,
) {
  let header: Header | null = null
  let separator: string | null = null
  return rowsOfLines(
    source,
    { maxBytes: MAX_ROW_BYTES, isQuoted: true },
    {
      read(line) {
        if (line.text?.trim() === '') return null
        if (header !== null) return readRow(line, header, what, readCsrFile)
        if (line.number === 1) separator = separatorOf(line.text ?? '')
        if (line.number === 1 && separator !== null) return null
        header = readHeader(line, what, separator, note)
        return null
      },
      end() {
        if (header === null) throw unreadable(what, 'it is empty', HEADER_HINT)
        return null
      },
    },
  )
}

function readRow(line: TextLine, header: Header, what: string, readCsrFile: ReadCsrFile): InputRow | null {
  if (line.problem === 'open quote') throw badQuote(what, line.number)
  if (line.text === null) return lineProblem(line)
  const cells = cellsOf(line.text, header.delimiter)
  if (cells === null) throw badQuote(what, line.number)
  // Spreadsheets keep the delimiters of empty rows.
  if (cells.every((cell) => cell === '')) return null
  return rowOf(cells, header, `line ${line.number}`, readCsrFile)
}

function rowOf(cells: readonly string[], { columns }: Header, at: string, readCsrFile: ReadCsrFile): InputRow {
  if (cells.length !== columns.length)
    return { at, problem: `the header has ${columns.length} cells, this row has ${cells.length}` }
  const members: Record<string, string | undefined> = {}
  for (const [index, column] of columns.entries()) if (column !== null) members[column] = cells[index]
  return inputFrom(members, at, readCsrFile)
}

/** The cells of a line without the white space around them; null when a quote is out of place. */
function cellsOf(line: string, delimiter: string): readonly string[] | null {
  try {
    const [cells = []] = parse(line, { delimiter, trim: true, relax_column_count: true })
    return cells
  } catch (error) {
    if (error instanceof CsvError) return null
    throw error
  }
}

const HEADER_HINT = `The first line names the columns, separated by commas, semicolons or tabs: ${COLUMNS.join(', ')}.`

const SAVE_AS_UTF8 = 'Save the spreadsheet as "CSV UTF-8".'

/** @param separator that the line before it names; null: it is the only one in the header */
function readHeader(
  { text, problem }: TextLine,
  what: string,
  separator: string | null,
  note: (text: string) => void,
): Header {
  if (problem === 'not UTF-8') throw unreadable(what, 'it is not UTF-8', SAVE_AS_UTF8)
  if (text === null) throw unreadable(what, 'its header is too long', HEADER_HINT)
  const unquoted = text.replace(/"[^"]*"/g, '')
  const [delimiter = ',', other] =
    separator !== null ? [separator] : Object.keys(NAMES).filter((one) => unquoted.includes(one))
  if (other !== undefined)
    throw unreadable(what, `its header has both ${NAMES[delimiter]} and ${NAMES[other]}`, HEADER_HINT)
  const names = (cellsOf(text, delimiter) ?? []).map((name) => name.toLowerCase())
  const twice = names.find((name, at) => name !== '' && names.indexOf(name) !== at)
  if (twice !== undefined)
    throw unreadable(what, `its header has the column ${JSON.stringify(shown(twice))} twice`, HEADER_HINT)
  if (!isCsvHeader(names)) throw unreadable(what, 'its header has no column csr, csr-file or uuid', HEADER_HINT)
  const ignored = names.filter((name) => name !== '' && !COLUMNS.includes(name)).map(shown)
  if (ignored.length > 0) note(`Ignoring the columns of ${what} that fpki has no use for: ${shown(ignored.join(', '))}`)
  return { delimiter, columns: names.map((name) => (COLUMNS.includes(name) ? name : null)) }
}

/** Whether a line with these cells, in lower case, is a header of ours. */
export function isCsvHeader(names: readonly string[]): boolean {
  return names.some((name) => name === 'csr' || name === 'csr-file' || name === 'uuid')
}

function badQuote(what: string, number: number) {
  const reason = `line ${number} has a quote out of place, or one that is not closed`
  return unreadable(what, reason, 'Rows after that line were not read. Correct it, and run the command again.')
}
