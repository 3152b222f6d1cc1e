import { Readable } from 'node:stream'
import { type CsvError, parse } from 'csv-parse'
import { COLUMNS, type InputRow, inputFrom, MAX_CSR_BYTES, type ReadCsrFile, unreadable } from './model.js'

/**
 * CSV with a header (RFC 4180): comma, semicolon or tab, UTF-8 with or without a byte order mark, quoted cells with line
 * ends in them. Throws ERR_BAD_FILE when there is no usable header, or the text is not CSV: what follows could not be trusted.
 */
export async function* csvRows(
  source: AsyncIterable<Uint8Array>,
  what: string,
  readCsrFile: ReadCsrFile,
): AsyncGenerator<InputRow> {
  const parser = Readable.from(source).pipe(
    parse({
      bom: true,
      delimiter: [',', ';', '\t'],
      columns: (header: string[]) => checkedHeader(header, what),
      info: true,
      max_record_size: 2 * MAX_CSR_BYTES,
      skip_empty_lines: true,
      trim: true,
    }),
  )
  try {
    for await (const { record, info } of parser) yield await inputFrom(record, `line ${info.lines}`, readCsrFile)
  } catch (error) {
    if (!isCsvError(error)) throw error
    throw unreadable(what, `${error.message.replace(/\.$/, '')}`, 'Correct that line, and run the command again.')
  }
}

function checkedHeader(header: readonly string[], what: string): string[] {
  const names = header.map((name) => name.trim().toLowerCase())
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  const hint = `The first line names the columns: ${COLUMNS.join(', ')}.`
  if (twice !== undefined) throw unreadable(what, `its header has the column ${JSON.stringify(twice)} twice`, hint)
  if (!names.some((name) => name === 'csr' || name === 'csr-file' || name === 'uuid'))
    throw unreadable(what, 'its header has no column csr, csr-file or uuid', hint)
  return names
}

function isCsvError(error: unknown): error is CsvError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_')
}
