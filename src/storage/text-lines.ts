import { isUtf8 } from 'node:buffer'

/** A line of a text, with its number from 1. */
export type TextLine =
  | { readonly number: number; readonly text: string; readonly problem: null }
  | { readonly number: number; readonly text: null; readonly problem: LineProblem }

/** `open quote`: a quote is not closed, or not within the length that is allowed. */
type LineProblem = 'too long' | 'not UTF-8' | 'open quote'

/** What a line may be. */
export interface LineOptions {
  /** A longer line is passed over without being held in memory. */
  readonly maxBytes: number
  /** Line ends between double quotes are part of the line, as in CSV. Default: false. */
  readonly isQuoted?: boolean
  /** For text of which only ASCII matters: octets are not checked to be UTF-8. */
  readonly isAnyEncoding?: boolean
}

/**
 * The lines of an octet stream (with or without a byte order mark, LF or CRLF), those that end in a chunk together. How the
 * stream is cut into chunks makes no other difference, and never more than one chunk and one line are in memory.
 */
export async function* textLines(
  source: AsyncIterable<Uint8Array>,
  options: LineOptions,
): AsyncGenerator<readonly TextLine[]> {
  const splitter = new LineSplitter(options)
  for await (const chunk of source) yield splitter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
  yield splitter.end()
}

/** Why a line cannot be read, as a clause. */
export function lineClause(problem: LineProblem): string {
  return problem === 'not UTF-8' ? 'it is not UTF-8' : 'the line is too long'
}

const [LF, CR, QUOTE] = [0x0a, 0x0d, 0x22]
const EMPTY = Buffer.alloc(0)
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

class LineSplitter {
  readonly #options: LineOptions
  /** The number of the line that has begun, which continues over `#moreLines` line ends. */
  #number = 1
  #moreLines = 0
  #isOpen = false
  #parts: Buffer[] = []
  #size = 0

  constructor(options: LineOptions) {
    this.#options = options
  }

  push(chunk: Buffer): readonly TextLine[] {
    const lines: TextLine[] = []
    let start = 0
    let quote = this.#options.isQuoted === true ? chunk.indexOf(QUOTE) : -1
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, end + 1)) {
      for (; quote !== -1 && quote < end; quote = chunk.indexOf(QUOTE, quote + 1)) this.#isOpen = !this.#isOpen
      if (this.#isOpen) {
        this.#moreLines++
        continue
      }
      lines.push(this.#finish(chunk.subarray(start, end)))
      start = end + 1
    }
    for (; quote !== -1; quote = chunk.indexOf(QUOTE, quote + 1)) this.#isOpen = !this.#isOpen
    this.#keep(chunk.subarray(start))
    return lines
  }

  /** The last line, when no line end follows it. */
  end(): readonly TextLine[] {
    if (this.#size === 0) return []
    if (this.#isOpen) return [{ number: this.#number, text: null, problem: 'open quote' }]
    return [this.#finish(EMPTY)]
  }

  #keep(piece: Buffer): void {
    this.#size += piece.length
    if (this.#size > this.#options.maxBytes) this.#parts = []
    else if (piece.length > 0) this.#parts.push(piece)
  }

  #finish(piece: Buffer): TextLine {
    const number = this.#number
    const hasMoreLines = this.#moreLines > 0
    const size = this.#size + piece.length
    const octets = this.#parts.length === 0 ? piece : Buffer.concat([...this.#parts, piece])
    this.#number += this.#moreLines + 1
    this.#moreLines = 0
    this.#parts = []
    this.#size = 0
    // A quote too many swallows the lines that follow, so a long text of several lines may be many rows.
    if (size > this.#options.maxBytes) return { number, text: null, problem: hasMoreLines ? 'open quote' : 'too long' }
    return this.#decode(number, octets)
  }

  #decode(number: number, octets: Buffer): TextLine {
    const end = octets.at(-1) === CR ? octets.length - 1 : octets.length
    const start = number === 1 && octets.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0
    if (this.#options.isAnyEncoding === true)
      return { number, text: octets.toString('latin1', start, end), problem: null }
    if (!isUtf8(octets)) return { number, text: null, problem: 'not UTF-8' }
    return { number, text: octets.toString('utf8', start, end), problem: null }
  }
}
