import { buffer } from 'node:stream/consumers'
import { extract, type Headers, pack } from 'tar-stream'
import { FpkiError } from '../errors.js'

/** A file or a folder of an archive. */
export interface ArchiveEntry {
  /** Relative, with `/` between its parts. */
  readonly path: string
  readonly kind: 'file' | 'directory'
  /** The permission bits, 0o000 to 0o777. */
  readonly mode: number
  /** Empty for a folder. */
  readonly content: Uint8Array
}

/** What tar-stream reads; its types lack the extended header (POSIX.1-2001, pax). */
type Header = Headers & { readonly pax?: Readonly<Record<string, string>> | null }

/** tar-stream writes times as 32-bit integers. */
const LAST_TIME = 0x7fff_ffff * 1000

/** A tar archive (POSIX.1-2001) that any tar reads, with all times set to `time`. */
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
 * The entries of an archive that {@link writeArchive} has made. Whatever else a tar may hold is badArchive: links, devices,
 * absolute paths, `..`, one path twice, a file in no folder, modes beyond permissions, and every octet that
 * {@link writeArchive} does not write for these entries.
 *
 * @throws FpkiError ERR_BAD_FILE
 */
export async function readArchive(tar: Uint8Array): Promise<readonly ArchiveEntry[]> {
  const { entries, time } = await extractEntries(tar)
  const folders = new Set([''])
  const paths = new Set<string>()
  for (const { path, kind, mode } of entries) {
    const folder = path.slice(0, Math.max(path.lastIndexOf('/'), 0))
    if (paths.has(path)) throw badArchive(`has ${JSON.stringify(path)} twice`)
    if (!folders.has(folder)) throw badArchive(`has ${JSON.stringify(path)} in no folder`)
    if (mode > 0o777) throw badArchive(`has a wrong mode for ${path}`)
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
    throw badArchive('is cut off or has a broken header', { cause })
  }
  return { entries, time }
}

/** Runs before the content is read: tar-stream waits forever for that of a folder, and for a size that is not a number. */
function checkHeader({ name, type, size, mode = 0, mtime = new Date(0), pax }: Header) {
  if (type !== 'file' && type !== 'directory') {
    throw badArchive(`has ${JSON.stringify(name)}, which is no plain file or folder`)
  }
  const path = checkPath(type === 'directory' ? name.replace(/\/$/, '') : name)
  const isSize = type === 'directory' ? size === 0 : Number.isSafeInteger(size) && Number(size) >= 0
  if (!isSize || Object.keys(pax ?? {}).some((key) => key !== 'path'))
    throw badArchive(`has a broken header for ${path}`)
  return { path, kind: type, mode, mtime }
}

function checkPath(path: string): string {
  const parts = path.split('/')
  const isWrong = (part: string) => part === '' || part === '.' || part === '..' || /[\p{Cc}\ufffd\\]/u.test(part)
  if (parts.some(isWrong)) throw badArchive(`has the path ${JSON.stringify(path)}`)
  return path
}

function badArchive(reason: string, options?: ErrorOptions): FpkiError {
  const hint = 'fpki has not made it, and nothing of it is taken. Take another backup.'
  return new FpkiError('ERR_BAD_FILE', `The archive in the backup ${reason}.`, hint, options)
}
