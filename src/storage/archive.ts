import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'

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

/** A file of an archive that may not fit into memory. */
export interface LargeFile {
  readonly path: string
  readonly kind: 'file'
  readonly mode: number
  readonly size: number
  /** Of the content, lower-case hex. */
  readonly sha256: string
}

/** A {@link LargeFile} to write. */
export interface LargeEntry extends LargeFile {
  /** The content, piece by piece: `size` octets. */
  read(): AsyncIterable<Uint8Array>
}

/** An archive that is written piece by piece. */
export interface NewArchive {
  readonly size: number
  read(): AsyncIterable<Uint8Array>
}

/** Two blocks of zeros end an archive (POSIX.1-2024, pax, "ustar Interchange Format"). */
export const TAR_END = new Uint8Array(1024)

const BLOCK = 512

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

/** Like {@link writeArchive}, but the content of large files is never in memory. */
export async function newArchive(entries: readonly (ArchiveEntry | LargeEntry)[], time: Date): Promise<NewArchive> {
  const parts: (Uint8Array | LargeEntry)[] = []
  let small: ArchiveEntry[] = []
  for (const entry of entries) {
    if ('content' in entry) small.push(entry)
    else {
      parts.push(await archiveBody(small, time), await largeHeader(entry, time), entry, padding(entry.size))
      small = []
    }
  }
  parts.push(await writeArchive(small, time))
  const size = parts.reduce((sum, part) => sum + ('read' in part ? part.size : part.length), 0)
  return { size, read: () => contentOf(parts) }
}

async function* contentOf(parts: readonly (Uint8Array | LargeEntry)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if ('read' in part) yield* part.read()
    else yield part
  }
}

/** An archive without its end, which another can follow. */
export async function archiveBody(entries: readonly ArchiveEntry[], time: Date): Promise<Uint8Array> {
  return (await writeArchive(entries, time)).subarray(0, -TAR_END.length)
}

/** The header of a large file: that of an empty one with another size and checksum, which end with a blank (pax, "ustar"). */
export async function largeHeader({ path, kind, mode, size }: LargeFile, time: Date): Promise<Uint8Array> {
  const header = Buffer.from(await archiveBody([{ path, kind, mode, content: new Uint8Array() }], time))
  // An extended header for a long path precedes it.
  const block = header.subarray(-BLOCK)
  block.write(`${size.toString(8).padStart(11, '0')} `, 124)
  const others = [...block.subarray(0, 148), ...block.subarray(156)]
  const sum = others.reduce((total, octet) => total + octet, 8 * 0x20)
  block.write(`${sum.toString(8).padStart(6, '0')} `, 148)
  return header
}

/** The zeros after the content of a file. */
export function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK)
}
