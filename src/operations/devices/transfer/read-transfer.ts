import { createHash } from 'node:crypto'
import { FpkiError } from '../../../errors.js'
import { parseJson } from '../../../storage/json-file.js'
import { type TextLine, textLines } from '../../../storage/text-lines.js'
import { MAX_LINE_BYTES, type TransferHeader, transferHeader, transferTrailer } from './format.js'

const LINE_FEED = 0x0a

/** The lines of a file, some at a time. */
export function transferLines(octets: AsyncIterable<Uint8Array>): AsyncIterable<readonly TextLine[]> {
  return textLines(octets, { maxBytes: MAX_LINE_BYTES })
}

/** What the whole file says of itself. */
export interface TransferSummary {
  readonly header: TransferHeader
  readonly certificates: number
  readonly sha256: string
}

/**
 * Reads a file to its end, and checks that nothing is missing.
 *
 * @param what the file, for errors
 * @throws FpkiError ERR_BAD_FILE when it is not such a file, truncated or changed
 */
export async function checkWhole(octets: AsyncIterable<Uint8Array>, what: string): Promise<TransferSummary> {
  const sum = sumBeforeTheLastLine()
  let header: TransferHeader | null = null
  let count = 0
  for await (const lines of transferLines(sum.follow(octets))) {
    for (const line of lines) if (line.number === 1) header = headerOf(line, what)
    count += lines.length
  }
  const end = sum.end()
  const trailer = transferTrailer.safeParse(parseJson(end.lastLine))
  if (header === null || !trailer.success) throw broken(what, 'its end is missing')
  const { certificates, sha256 } = trailer.data
  if (certificates !== count - 2 || sha256 !== end.sha256) throw broken(what, 'its content does not match its checksum')
  return { header, certificates, sha256 }
}

/** More than the last line has. */
const TAIL_BYTES = 4096

/** Sums up a stream while it is read, without its last line, which has the sum. */
function sumBeforeTheLastLine() {
  const hash = createHash('sha256')
  let tail: Uint8Array = new Uint8Array()
  return {
    follow: async function* (octets: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of octets) {
        const all = Buffer.concat([tail, chunk])
        const cut = Math.max(0, all.length - TAIL_BYTES)
        hash.update(all.subarray(0, cut))
        tail = all.subarray(cut)
        yield chunk
      }
    },
    end: () => {
      const lastLine = tail.subarray(0, -1).lastIndexOf(LINE_FEED) + 1
      hash.update(tail.subarray(0, lastLine))
      return { lastLine: Buffer.from(tail.subarray(lastLine)).toString(), sha256: hash.digest('hex') }
    },
  }
}

function headerOf({ text }: TextLine, what: string): TransferHeader {
  const header = transferHeader.safeParse(parseJson(text ?? ''))
  if (header.success) return header.data
  throw new FpkiError(
    'ERR_BAD_FILE',
    `${what} was not written by \`devices export\`, or by a newer fpki.`,
    'Nothing was imported. Pass a file that `devices export` has written.',
  )
}

function broken(what: string, reason: string): FpkiError {
  return new FpkiError('ERR_BAD_FILE', `${what} is damaged: ${reason}.`, 'Nothing was imported. Copy the file again.')
}
