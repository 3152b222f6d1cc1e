import { csvTable } from './csv-table.js'
import { COLUMNS, type InputRow, inputFrom, MAX_ROW_BYTES, type ReadCsrFile } from './row.js'

/** One of these is in the header of every file of devices. */
const NEEDED: readonly string[] = ['csr', 'csr-file', 'uuid']

/**
 * Devices in CSV: see csvTable.
 *
 * @param note called once with the columns that are ignored
 */
export function csvRows(
  source: AsyncIterable<Buffer>,
  what: string,
  readCsrFile: ReadCsrFile,
  note: (text: string) => void,
): AsyncGenerator<readonly InputRow[]> {
  return csvTable<InputRow>(source, {
    ...{ what, columns: COLUMNS, needed: NEEDED, maxRowBytes: MAX_ROW_BYTES, note },
    row: (members, line) => inputFrom(members, `line ${line}`, readCsrFile),
    unreadable: (line, problem) => ({ at: `line ${line}`, problem }),
  })
}

/** Whether a line with these cells, in lower case, is a header of ours. */
export function isCsvHeader(names: readonly string[]): boolean {
  return names.some((name) => NEEDED.includes(name))
}
