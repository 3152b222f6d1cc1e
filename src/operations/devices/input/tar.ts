import { pipeline, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type Entry, extract } from 'tar-stream'
import { chunksOf, oneByOne } from '../../../chunks.js'
import type { FpkiError } from '../../../errors.js'
import { MAX_CSR_BYTES } from '../../../pki/csr.js'
import { shellWord } from '../../../shell-word.js'
import { isHidden, isRequestName, noRequests, noteOthers, ROWS_AT_ONCE, requestOctets } from './request-files.js'
import { type InputRow, shown, unreadable } from './row.js'

/** A path has 4096 octets. tar-stream would hold a longer header in memory, whatever its length; chunks are read ahead too. */
const MAX_HEADER_BYTES = 2 * 1024 * 1024

/** An archive ends in two of them; one is enough for GNU tar. */
const ZERO_BLOCK = Buffer.alloc(512)

/** How far an archive was read. */
interface Progress {
  fed: number
  /** More octets than this are not the content of the entry that is read. */
  limit: number
  /** The last octets. */
  tail: Buffer
  /** Why the octets could not be read, apart from what they are. */
  failure: unknown
}

/**
 * The files *.csr, *.pem and *.der of a tar archive, in its order, also those in folders. Nothing is written to the disk; links,
 * devices, absolute names and names with `..` are unreadable rows. Throws ERR_BAD_FILE when there are none, and, after the
 * rows that are good, where the archive is truncated or damaged.
 *
 * @param note called once when the archive has other files
 */
export async function* tarRequests(
  source: AsyncIterable<Buffer>,
  what: string,
  note: (text: string) => void,
): AsyncGenerator<readonly InputRow[]> {
  yield* chunksOf(oneByOne(tarRows(source, what, note)), ROWS_AT_ONCE)
}

async function* tarRows(
  source: AsyncIterable<Buffer>,
  what: string,
  note: (text: string) => void,
): AsyncGenerator<InputRow> {
  const progress: Progress = { fed: 0, limit: MAX_HEADER_BYTES, tail: Buffer.alloc(0), failure: null }
  let [requests, others] = [0, 0]
  try {
    for await (const entry of entriesOf(source, progress)) {
      const row = await entryRow(entry)
      if (row !== null) {
        requests++
        yield row
      } else if (entry.header.type !== 'directory') others++
    }
  } catch (error) {
    throw progress.failure ?? (isTarError(error) ? damaged(what, requests) : error)
  }
  if (requests === 0) throw noRequests(what, what === 'stdin' ? 'tar -t' : `tar -tf ${shellWord(what)}`)
  noteOthers(others, what, note)
}

/** The caller reads each entry to its end, or resumes it. Throws plain errors. */
async function* entriesOf(source: AsyncIterable<Buffer>, progress: Progress): AsyncGenerator<Entry> {
  const archive = extract()
  // Errors arrive at whoever reads the entries.
  pipeline(Readable.from(feed(source, progress)), archive, () => {})
  for await (const entry of archive) {
    progress.limit = progress.fed + sizeOf(entry) + MAX_HEADER_BYTES
    yield entry
  }
  if (!progress.tail.equals(ZERO_BLOCK)) throw new Error('no end')
}

async function* feed(source: AsyncIterable<Buffer>, progress: Progress): AsyncGenerator<Buffer> {
  for await (const chunk of remembering(source, progress)) {
    if (progress.fed > progress.limit) throw new Error('a header is too long')
    progress.fed += chunk.length
    progress.tail = Buffer.concat([progress.tail, chunk.subarray(-ZERO_BLOCK.length)]).subarray(-ZERO_BLOCK.length)
    yield chunk
  }
}

async function* remembering(source: AsyncIterable<Buffer>, progress: Progress): AsyncGenerator<Buffer> {
  try {
    yield* source
  } catch (error) {
    progress.failure = error
    throw error
  }
}

/** Runs before the content is read: tar-stream waits forever for a folder with content, and for an invalid size. */
function sizeOf({ header }: Entry): number {
  const size = header.size ?? 0
  if (Number.isSafeInteger(size) && size >= 0 && (header.type !== 'directory' || size === 0)) return size
  throw new Error('invalid size')
}

/** null: a folder, a hidden file, or one with another name. */
async function entryRow(entry: Entry): Promise<InputRow | null> {
  const { name, type } = entry.header
  const base = name.slice(name.lastIndexOf('/') + 1)
  const problem = problemOf(entry)
  if (isHidden(base) || !isRequestName(base) || type === 'directory' || problem !== null) {
    entry.resume()
    const isRow = type !== 'directory' && !isHidden(base) && isRequestName(base)
    return isRow && problem !== null ? { at: shown(name), problem } : null
  }
  return requestOctets(await buffer(entry), shown(name))
}

function problemOf({ header: { name, type, size = 0 } }: Entry): string | null {
  if (name.startsWith('/')) return 'its name is absolute'
  if (name.split('/').includes('..')) return 'its name has ".." in it'
  if (type !== 'file' && type !== 'contiguous-file') return `it is not a regular file (${type ?? 'unknown type'})`
  return size > MAX_CSR_BYTES ? `it is larger than ${MAX_CSR_BYTES} bytes` : null
}

/** tar-stream's errors are plain; those of the system have a code. */
function isTarError(error: unknown): boolean {
  return error instanceof Error && error.constructor === Error && !('code' in error)
}

function damaged(what: string, count: number): FpkiError {
  const reason = `the tar archive is truncated or damaged, after ${count} ${count === 1 ? 'request' : 'requests'}`
  return unreadable(what, reason, 'Make the archive again. Running the command again skips what was issued.')
}
