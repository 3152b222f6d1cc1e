import { type LineOptions, type TextLine, textLines } from '../../../storage/text-lines.js'
import type { InputRow } from './row.js'

/** Makes rows of lines, one line after the other. */
interface LineReader {
  /** The row that is complete with this line; null when none is. */
  read(line: TextLine): InputRow | null
  /** The row that ends with the input. Default: none. */
  end?(): InputRow | null
}

/** The rows of an octet stream with lines. An error of the reader is thrown after the rows before it. */
export async function* rowsOfLines(
  source: AsyncIterable<Buffer>,
  options: LineOptions,
  reader: LineReader,
): AsyncGenerator<readonly InputRow[]> {
  for await (const lines of textLines(source, options)) yield* readAll(lines, reader)
  const last = reader.end?.() ?? null
  if (last !== null) yield [last]
}

function* readAll(lines: readonly TextLine[], reader: LineReader): Generator<readonly InputRow[]> {
  const rows: InputRow[] = []
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
