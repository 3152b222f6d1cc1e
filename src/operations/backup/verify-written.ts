import { type Envelope, openEnvelope } from '../../containers/cms/envelope.js'
import { FpkiError } from '../../errors.js'
import type { DurableFiles } from '../../ports.js'
import type { ArchiveEntry, LargeFile } from '../../storage/archive.js'
import { readArchive } from '../../storage/read-archive.js'
import { abortableFile } from '../../storage/readable-file.js'
import { checkedManifest, REGISTER_PATH } from './manifest.js'
import { MAX_BACKUP_BYTES, MAX_OTHER_BYTES } from './sizes.js'
import type { PreparedBackupTarget } from './target.js'

/** A backup that was written, and what it must contain. */
interface WrittenBackup {
  readonly target: PreparedBackupTarget
  readonly envelope: Envelope
  readonly archive: readonly (ArchiveEntry | LargeFile)[]
}

interface ReadPorts {
  readonly files: DurableFiles
  readonly signal?: AbortSignal
}

/** Of the file. */
interface FileDigest {
  readonly size: number
  readonly sha256: string
}

/**
 * Reads a backup from the disk and compares its content. On a mismatch it is removed, so that nobody relies on it.
 *
 * @throws FpkiError ERR_STORAGE; the reason of the signal
 */
export async function verifyWritten(backup: WrittenBackup, ports: ReadPorts): Promise<FileDigest> {
  const { out } = backup.target
  // Reported below, whatever the cause.
  const digest = await readBack(backup, ports).catch(() => null)
  if (digest !== null) return digest
  await ports.files.remove(out)
  ports.signal?.throwIfAborted()
  const hint = 'The file was removed. Check the disk (dmesg), or write the backup to another one.'
  throw new FpkiError('ERR_STORAGE', `The backup ${out} does not read back as written.`, hint)
}

/** Null: the content is another. */
async function readBack(
  { target, envelope, archive }: WrittenBackup,
  { files, signal }: ReadPorts,
): Promise<FileDigest | null> {
  const { out, passphrase } = target
  const input = await files.openToRead(out, MAX_BACKUP_BYTES)
  if (input === null) return null
  const file = abortableFile(input, signal)
  try {
    const opened = passphrase === null ? await envelope.reopen(file) : await openEnvelope(file, { passphrase })
    if (opened === null) return null
    const read = await readArchive(opened.content(), { large: REGISTER_PATH, maxBytes: MAX_OTHER_BYTES })
    checkedManifest(out, read, opened.recipients)
    const isSame = read.length === archive.length && read.every((entry, at) => isSameEntry(entry, archive[at]))
    return isSame ? { size: file.size, sha256: opened.sha256 } : null
  } finally {
    await file.close()
  }
}

function isSameEntry(read: ArchiveEntry | LargeFile, written: ArchiveEntry | LargeFile | undefined): boolean {
  if (written === undefined || read.path !== written.path || read.kind !== written.kind || read.mode !== written.mode)
    return false
  if ('content' in read) return 'content' in written && Buffer.from(read.content).equals(written.content)
  return !('content' in written) && read.size === written.size && read.sha256 === written.sha256
}
