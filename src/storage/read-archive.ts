import { createHash, type Hash } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type Extract, extract, type Headers } from 'tar-stream'
import { FpkiError } from '../errors.js'
import { type ArchiveEntry, archiveBody, type LargeFile, largeHeader, padding, TAR_END } from './archive.js'

/** A large file of an archive. */
export interface LocatedFile extends LargeFile {
  /** Where its content begins in the archive. */
  readonly offset: number
}

/** What to read of an archive. */
export interface ReadLimits {
  /** The path of a file whose content is not kept in memory, only hashed. */
  readonly large: string
  /** The limit for the content of all other files together. */
  readonly maxBytes: number
}

/** A path has 4096 octets. tar-stream would hold a longer header in memory, whatever its length; pieces are read ahead too. */
const MAX_HEADER_BYTES = 32 * 1024 * 1024

/** How far an archive was read. */
interface Feeding {
  fed: number
  /** More octets than this are not the content of the entry that is read. */
  limit: number
  /** Of what was read. */
  readonly hash: Hash
  /** Why the archive could not be read, apart from what it contains. */
  failure: unknown
}

/** tar-stream's header; its types lack the extended header (POSIX.1-2001, pax). */
type Header = Headers & { readonly pax?: Readonly<Record<string, string>> | null }

/**
 * Reads an archive written by fpki. Everything else is refused: links, devices, absolute paths, `..`, duplicate paths,
 * files outside folders, special mode bits, and any octet that fpki would not write.
 *
 * @throws FpkiError ERR_BAD_FILE; and what `tar` throws
 */
export async function readArchive(
  tar: AsyncIterable<Uint8Array>,
  limits: ReadLimits,
): Promise<readonly (ArchiveEntry | LocatedFile)[]> {
  const feeding: Feeding = { fed: 0, limit: MAX_HEADER_BYTES, hash: createHash('sha256'), failure: null }
  const reader = extract()
  // Errors arrive at whoever reads the entries.
  pipeline(Readable.from(feed(tar, feeding)), reader, () => {})
  const { entries, sha256 } = await extractEntries(reader, limits, feeding).catch((cause: unknown) => {
    const error = feeding.failure ?? cause
    if (error instanceof FpkiError || feeding.failure !== null) throw error
    throw badArchive('is truncated or has an invalid header', { cause })
  })
  checkPaths(entries)
  if (sha256 !== feeding.hash.digest('hex')) throw badArchive('differs from what fpki writes')
  return entries
}

async function* feed(tar: AsyncIterable<Uint8Array>, feeding: Feeding): AsyncGenerator<Uint8Array> {
  try {
    for await (const octets of tar) {
      if (feeding.fed > feeding.limit) throw badArchive('has a header that is too long')
      feeding.fed += octets.length
      feeding.hash.update(octets)
      yield octets
    }
  } catch (error) {
    feeding.failure = error
    throw error
  }
}

/** The entries, and the SHA-256 of the archive that fpki would write with them. */
async function extractEntries(reader: Extract, { large, maxBytes }: ReadLimits, feeding: Feeding) {
  const entries: (ArchiveEntry | LocatedFile)[] = []
  const expected = archiveHash()
  let octets = 0
  for await (const entry of reader) {
    const { size, mtime, ...header } = checkHeader(entry.header)
    feeding.limit = feeding.fed + size + MAX_HEADER_BYTES
    if (entries.length === 0) expected.setTime(mtime)
    if (header.path === large && header.kind === 'file') {
      entries.push(await expected.addLarge({ ...header, kind: 'file', size }, entry))
      continue
    }
    octets += size
    if (octets > maxBytes) throw badArchive(`contains more than ${maxBytes} octets`)
    const small = { ...header, content: await buffer(entry) }
    expected.add(small)
    entries.push(small)
  }
  return { entries, sha256: await expected.digest() }
}

/** Hashes an archive as fpki writes it, from its entries. */
function archiveHash() {
  const hash = createHash('sha256')
  let time = new Date(0)
  let small: ArchiveEntry[] = []
  let written = 0
  const update = (octets: Uint8Array) => {
    hash.update(octets)
    written += octets.length
  }
  const flush = async () => {
    update(await archiveBody(small, time))
    small = []
  }
  return {
    setTime: (mtime: Date) => {
      time = mtime
    },
    add: (entry: ArchiveEntry) => {
      small.push(entry)
    },
    addLarge: async (file: Omit<LargeFile, 'sha256'>, content: AsyncIterable<Uint8Array>): Promise<LocatedFile> => {
      await flush()
      update(await largeHeader({ ...file, sha256: '' }, time))
      const offset = written
      const sum = createHash('sha256')
      for await (const octets of content) {
        sum.update(octets)
        update(octets)
      }
      update(padding(file.size))
      return { ...file, sha256: sum.digest('hex'), offset }
    },
    digest: async () => {
      await flush()
      update(TAR_END)
      return hash.digest('hex')
    },
  }
}

function checkPaths(entries: readonly (ArchiveEntry | LargeFile)[]): void {
  const folders = new Set([''])
  const paths = new Set<string>()
  for (const { path, kind, mode } of entries) {
    const folder = path.slice(0, Math.max(path.lastIndexOf('/'), 0))
    if (paths.has(path)) throw badArchive(`contains ${JSON.stringify(path)} twice`)
    if (!folders.has(folder)) throw badArchive(`contains ${JSON.stringify(path)} without its folder`)
    if (mode > 0o777) throw badArchive(`has an invalid mode for ${path}`)
    paths.add(path)
    if (kind === 'directory') folders.add(path)
  }
}

/** Runs before reading the content: tar-stream waits forever for a folder with content, and for an invalid size. */
function checkHeader({ name, type, size = 0, mode = 0, mtime = new Date(0), pax }: Header) {
  if (type !== 'file' && type !== 'directory') {
    throw badArchive(`contains ${JSON.stringify(name)}, which is not a regular file or folder`)
  }
  const path = checkPath(type === 'directory' ? name.replace(/\/$/, '') : name)
  const isSize = type === 'directory' ? size === 0 : Number.isSafeInteger(size) && size >= 0
  if (!isSize || Object.keys(pax ?? {}).some((key) => key !== 'path'))
    throw badArchive(`has an invalid header for ${path}`)
  return { path, kind: type, mode, mtime, size }
}

function checkPath(path: string): string {
  const parts = path.split('/')
  const isWrong = (part: string) => part === '' || part === '.' || part === '..' || /[\p{Cc}\ufffd\\]/u.test(part)
  if (parts.some(isWrong)) throw badArchive(`contains the invalid path ${JSON.stringify(path)}`)
  return path
}

function badArchive(reason: string, options?: ErrorOptions): FpkiError {
  const hint = 'It was not written by fpki, and nothing was restored. Use another backup.'
  return new FpkiError('ERR_BAD_FILE', `The archive in the backup ${reason}.`, hint, options)
}
