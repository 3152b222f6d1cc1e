import { parseJson } from '../../../storage/json-file.js'
import { lineClause, type TextLine } from '../../../storage/text-lines.js'
import { csrInput, type InputRow, inputFrom, MAX_ROW_BYTES, type ReadCsrFile, unreadable } from './row.js'
import { rowsOfLines } from './rows-of-lines.js'

/** A UUID has 36 characters; the rest of the line is for white space, or says in the message what it is. */
const MAX_UUID_LINE = 256

/**
 * JSON lines: an object a line, with the members of CSV's columns, or AWS's ThingName, SerialNumber and CSR. Throws
 * ERR_BAD_FILE when it is one JSON document instead.
 */
export function jsonLines(
  source: AsyncIterable<Buffer>,
  what: string,
  readCsrFile: ReadCsrFile,
): AsyncGenerator<readonly InputRow[]> {
  let isFirst = true
  return rowsOfLines(
    source,
    { maxBytes: MAX_ROW_BYTES },
    {
      read(line) {
        if (isBlank(line)) return null
        if (isFirst) checkFirstLine(line, what)
        isFirst = false
        return lineProblem(line) ?? inputFrom(parseJson(line.text ?? ''), `line ${line.number}`, readCsrFile)
      },
    },
  )
}

/** A list of UUIDs, one a line; lines that begin with # are comments. */
export function uuidList(source: AsyncIterable<Buffer>): AsyncGenerator<readonly InputRow[]> {
  return rowsOfLines(
    source,
    { maxBytes: MAX_UUID_LINE },
    {
      read(line) {
        if (isBlank(line) || line.text?.startsWith('#') === true) return null
        return lineProblem(line) ?? { ...csrInput(null, `line ${line.number}`), uuid: line.text?.trim() ?? null }
      },
    },
  )
}

/** The row for a line that cannot be read; null when it can. */
function lineProblem({ number, problem }: TextLine): InputRow | null {
  return problem === null ? null : { at: `line ${number}`, problem: lineClause(problem) }
}

function isBlank({ text }: TextLine): boolean {
  return text !== null && text.trim() === ''
}

function checkFirstLine({ text }: TextLine, what: string): void {
  const start = text?.trim() ?? ''
  if (!start.startsWith('[') && start !== '{') return
  const kind = start === '{' ? 'a JSON document of several lines' : 'a JSON array'
  const filter = start === '{' ? '.' : "'.[]'"
  throw unreadable(what, `it is ${kind}, not JSON lines`, `Write one object a line: jq -c ${filter}`)
}
