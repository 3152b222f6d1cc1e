import { MAX_CSR_BYTES } from '../../../pki/csr.js'
import type { TextLine } from '../../../storage/text-lines.js'
import { isRequestLabel, otherLabel } from './request-problem.js'
import { csrInput, type InputRow, unreadable } from './row.js'
import { rowsOfLines } from './rows-of-lines.js'

const [BEGIN, END] = ['-----BEGIN ', '-----END ']

/** A block that has begun. */
interface Block {
  readonly at: string
  /** Why it is no request; of such a block nothing is kept. */
  readonly problem: string | null
  readonly lines: string[]
  length: number
}

/**
 * Concatenated PEM requests. Text between them is ignored, as OpenSSL prints it (RFC 7468, section 2); any other PEM block
 * is an unreadable row. Throws ERR_BAD_FILE when there is no PEM block.
 */
export function pemRequests(source: AsyncIterable<Buffer>, what: string): AsyncGenerator<readonly InputRow[]> {
  const options = { maxBytes: MAX_CSR_BYTES, isAnyEncoding: true }
  return rowsOfLines<InputRow>(source, options, new PemReader(what))
}

class PemReader {
  readonly #what: string
  #block: Block | null = null
  #isEmpty = true

  constructor(what: string) {
    this.#what = what
  }

  read({ number, text }: TextLine): InputRow | null {
    const block = this.#block
    if (text?.startsWith(BEGIN) === true) {
      this.#block = begin(text, number)
      this.#isEmpty = false
      return block === null ? null : withoutEnd(block)
    }
    if (block === null) return null
    add(block, text)
    if (text?.startsWith(END) !== true) return null
    this.#block = null
    return finished(block)
  }

  end(): InputRow | null {
    if (this.#isEmpty)
      throw unreadable(this.#what, 'it has no PEM block', 'Expected a "BEGIN CERTIFICATE REQUEST" line.')
    return this.#block === null ? null : withoutEnd(this.#block)
  }
}

function begin(text: string, number: number): Block {
  const label = text
    .slice(BEGIN.length)
    .trimEnd()
    .replace(/-----$/, '')
  return {
    at: `line ${number}`,
    problem: isRequestLabel(label) ? null : otherLabel(label),
    lines: [text],
    length: text.length,
  }
}

function add(block: Block, text: string | null): void {
  block.length += text === null ? MAX_CSR_BYTES + 1 : text.length + 1
  if (block.problem === null && block.length <= MAX_CSR_BYTES) block.lines.push(text ?? '')
}

function finished({ at, problem, lines, length }: Block): InputRow {
  if (problem !== null) return { at, problem }
  if (length > MAX_CSR_BYTES) return { at, problem: 'the request is too large' }
  return csrInput(`${lines.join('\n')}\n`, at)
}

function withoutEnd({ at, problem }: Block): InputRow {
  return { at, problem: problem ?? 'the request has no END line' }
}
