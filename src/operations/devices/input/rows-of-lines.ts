import { type LineOptions, type TextLine, textLines } from '../../../storage/text-lines.js'

/** Makes rows of lines, one line after the other. */
interface LineReader<Row> {
  /** The row that is complete with this line; null when none is. */
  read(line: TextLine): Row | null
  /** The row that ends with the input. Default: none. */
  end?(): Row | null
}

/** The rows of an octet stream with lines. An error of the reader is thrown after the rows before it. */
export async function* rowsOfLines<Row>(
  source: AsyncIterable<Buffer>,
  options: LineOptions,
  reader: LineReader<Row>,
): AsyncGenerator<readonly Row[]> {
  for await (const lines of textLines(source, options)) yield* readAll(lines, reader)
  const last = reader.end?.() ?? null
  if (last !== null) yield [last]
}

function* readAll<Row>(lines: readonly TextLine[], reader: LineReader<Row>): Generator<readonly Row[]> {
  const rows: Row[] = []
  try {
    for (const line of lines) {
      const row = reader.read(line)
      if (row !== null) rows.push(row)
    }
  } catch (error) {
    yield rows
    throw error
  }
  yield rows
}
