import { CsvError, parse } from 'csv-parse/sync'
import { lineClause, type TextLine } from '../../../storage/text-lines.js'
import { shown, unreadable } from './row.js'
import { rowsOfLines } from './rows-of-lines.js'
import { separatorOf } from './separator.js'

const NAMES: Readonly<Record<string, string>> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs' }

/** What a CSV file has, and what becomes of its rows. */
export interface CsvTable<Row> {
  /** The name of the file, for messages. */
  readonly what: string
  /** The columns that are of use; others are ignored. */
  readonly columns: readonly string[]
  /** At least one of these must be there. */
  readonly needed: readonly string[]
  readonly maxRowBytes: number
  /** A row with all its cells, by the names of the columns, and the number of its line. */
  row(members: Readonly<Record<string, string | undefined>>, line: number): Row
  /** A row that cannot be read, and why: a clause. */
  unreadable(line: number, problem: string): Row
  /** Called once with the columns that are ignored. */
  note(text: string): void
}

/** The header line of a CSV file. */
interface Header {
  readonly delimiter: string
  /** In the order of the file; null: ignored. */
  readonly columns: readonly (string | null)[]
}

/**
 * CSV with a header (RFC 4180): comma, semicolon or tab, quoted cells with line ends in them, and before the header perhaps
 * Excel's `sep=;`. A row with another number of cells than the header is an unreadable row. Throws ERR_BAD_FILE when there is
 * no usable header, and where quotes are out of place: how the lines after it were meant is unknown.
 */
export function csvTable<Row>(source: AsyncIterable<Buffer>, table: CsvTable<Row>): AsyncGenerator<readonly Row[]> {
  let header: Header | null = null
  let separator: string | null = null
  return rowsOfLines<Row>(
    source,
    { maxBytes: table.maxRowBytes, isQuoted: true },
    {
      read(line) {
        if (line.text?.trim() === '') return null
        if (header !== null) return readRow(line, header, table)
        if (line.number === 1) separator = separatorOf(line.text ?? '')
        if (line.number === 1 && separator !== null) return null
        header = readHeader(line, table, separator)
        return null
      },
      end() {
        if (header === null) throw unreadable(table.what, 'it is empty', headerHint(table))
        return null
      },
    },
  )
}

function readRow<Row>(line: TextLine, header: Header, table: CsvTable<Row>): Row | null {
  if (line.problem === 'open quote') throw badQuote(table.what, line.number)
  if (line.text === null) return table.unreadable(line.number, lineClause(line.problem))
  const cells = cellsOf(line.text, header.delimiter)
  if (cells === null) throw badQuote(table.what, line.number)
  // Spreadsheets keep the delimiters of empty rows.
  if (cells.every((cell) => cell === '')) return null
  const { columns } = header
  if (cells.length !== columns.length)
    return table.unreadable(line.number, `the header has ${columns.length} cells, this row has ${cells.length}`)
  const members: Record<string, string | undefined> = {}
  for (const [index, column] of columns.entries()) if (column !== null) members[column] = cells[index]
  return table.row(members, line.number)
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

function headerHint({ columns }: Pick<CsvTable<unknown>, 'columns'>): string {
  return `The first line names the columns, separated by commas, semicolons or tabs: ${columns.join(', ')}.`
}

const SAVE_AS_UTF8 = 'Save the spreadsheet as "CSV UTF-8".'

/** @param separator that the line before it names; null: it is the only one in the header */
function readHeader(
  { text, problem }: TextLine,
  table: Omit<CsvTable<unknown>, 'row'>,
  separator: string | null,
): Header {
  const { what, columns, needed, note } = table
  const hint = headerHint(table)
  if (problem === 'not UTF-8') throw unreadable(what, 'it is not UTF-8', SAVE_AS_UTF8)
  if (text === null) throw unreadable(what, 'its header is too long', hint)
  const unquoted = text.replace(/"[^"]*"/g, '')
  const [delimiter = ',', other] =
    separator !== null ? [separator] : Object.keys(NAMES).filter((one) => unquoted.includes(one))
  if (other !== undefined) throw unreadable(what, `its header has both ${NAMES[delimiter]} and ${NAMES[other]}`, hint)
  const names = (cellsOf(text, delimiter) ?? []).map((name) => name.toLowerCase())
  const twice = names.find((name, at) => name !== '' && names.indexOf(name) !== at)
  if (twice !== undefined)
    throw unreadable(what, `its header has the column ${JSON.stringify(shown(twice))} twice`, hint)
  if (!needed.some((name) => names.includes(name)))
    throw unreadable(what, `its header has no column ${needed.slice(0, -1).join(', ')} or ${needed.at(-1)}`, hint)
  const ignored = names.filter((name) => name !== '' && !columns.includes(name)).map(shown)
  if (ignored.length > 0) note(`Ignoring the columns of ${what} that fpki has no use for: ${shown(ignored.join(', '))}`)
  return { delimiter, columns: names.map((name) => (columns.includes(name) ? name : null)) }
}

function badQuote(what: string, number: number) {
  const reason = `line ${number} has a quote out of place, or one that is not closed`
  return unreadable(what, reason, 'Rows after that line were not read. Correct it, and run the command again.')
}
