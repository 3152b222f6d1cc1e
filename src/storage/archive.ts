import { buffer } from 'node:stream/consumers'
import { extract, type Headers, pack } from 'tar-stream'
import { FpkiError } from '../errors.js'

/** A file or folder of an archive. */
export interface ArchiveEntry {
  /** Relative, with `/` as the separator. */
  readonly path: string
  readonly kind: 'file' | 'directory'
  /** The permission bits, 0o000 to 0o777. */
  readonly mode: number
  /** Empty for a folder. */
  readonly content: Uint8Array
}

/** tar-stream's header; its types lack the extended header (POSIX.1-2001, pax). */
type Header = Headers & { readonly pax?: Readonly<Record<string, string>> | null }

/** tar-stream writes times as 32-bit integers. */
const LAST_TIME = 0x7fff_ffff * 1000

/** Writes a tar archive (POSIX.1-2001), with all times set to `time`. */
export async function writeArchive(entries: readonly ArchiveEntry[], time: Date): Promise<Buffer> {
  const tar = pack()
  const mtime = new Date(Math.min(time.getTime(), LAST_TIME))
  for (const { path, kind, mode, content } of entries) {
    if (kind === 'directory') tar.entry({ name: `${path}/`, type: kind, mode, mtime })
    else tar.entry({ name: path, type: kind, mode, mtime }, Buffer.from(content))
  }
  tar.finalize()
  return buffer(tar)
}

/**
 * Reads an archive written by {@link writeArchive}. Everything else is refused: links, devices, absolute paths, `..`,
 * duplicate paths, files outside folders, special mode bits, and any octet that {@link writeArchive} would not write.
 *
 * @throws FpkiError ERR_BAD_FILE
 */
export async function readArchive(tar: Uint8Array): Promise<readonly ArchiveEntry[]> {
  const { entries, time } = await extractEntries(tar)
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
  if ((await writeArchive(entries, time)).equals(tar)) return entries
  throw badArchive('differs from what fpki writes')
}

async function extractEntries(
  tar: Uint8Array,
): Promise<{ readonly entries: readonly ArchiveEntry[]; readonly time: Date }> {
  const entries: ArchiveEntry[] = []
  let time = new Date(0)
  const reader = extract()
  reader.end(tar)
  try {
    for await (const entry of reader) {
      const { path, kind, mode, mtime } = checkHeader(entry.header)
      if (entries.length === 0) time = mtime
      entries.push({ path, kind, mode, content: await buffer(entry) })
    }
  } catch (cause) {
    if (cause instanceof FpkiError) throw cause
    throw badArchive('is truncated or has an invalid header', { cause })
  }
  return { entries, time }
}

/** Runs before reading the content: tar-stream waits forever for a folder with content, and for an invalid size. */
function checkHeader({ name, type, size, mode = 0, mtime = new Date(0), pax }: Header) {
  if (type !== 'file' && type !== 'directory') {
    throw badArchive(`contains ${JSON.stringify(name)}, which is not a regular file or folder`)
  }
  const path = checkPath(type === 'directory' ? name.replace(/\/$/, '') : name)
  const isSize = type === 'directory' ? size === 0 : Number.isSafeInteger(size) && Number(size) >= 0
  if (!isSize || Object.keys(pax ?? {}).some((key) => key !== 'path'))
    throw badArchive(`has an invalid header for ${path}`)
  return { path, kind: type, mode, mtime }
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
