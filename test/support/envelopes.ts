import { buffer } from 'node:stream/consumers'
import { type Envelope, type Opener, openEnvelope } from '../../src/containers/cms/envelope.js'
import type { ArchiveEntry } from '../../src/storage/archive.js'
import { readArchive } from '../../src/storage/read-archive.js'
import { octetsAsFile } from '../../src/storage/readable-file.js'

/** The whole file of an envelope. */
export function seal(envelope: Envelope, content: Uint8Array): Promise<Buffer> {
  return buffer(envelope.seal({ size: content.length, read: () => pieces(content) }))
}

/** The whole content of an envelope; null when the secret is the wrong one. */
export async function open(file: Uint8Array, opener: Opener) {
  const opened = await openEnvelope(octetsAsFile(file), opener)
  return opened === null ? null : { ...opened, content: await buffer(opened.content()) }
}

/** The entries of an archive without a large file. */
export async function entriesOf(tar: Uint8Array, maxBytes = Number.MAX_SAFE_INTEGER): Promise<readonly ArchiveEntry[]> {
  const entries = await readArchive(pieces(tar), { large: '', maxBytes })
  return entries.flatMap((entry) => ('content' in entry ? [entry] : []))
}

/** Octets in small pieces of different sizes. */
export async function* pieces(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0, size = 700; at < octets.length; at += size, size *= 3) yield octets.subarray(at, at + size)
}
