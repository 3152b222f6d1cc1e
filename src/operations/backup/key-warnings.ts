import type { Clock, Random } from '../../ports.js'
import type { ArchiveEntry, LargeFile } from '../../storage/archive.js'
import { archiveFileSystem } from '../../storage/archive-files.js'
import { durableFiles } from '../../storage/files.js'
import { ARCHIVE, subtree } from './manifest.js'
import { verifyRestored } from './verify-restored.js'

/**
 * A warning for each key that is damaged or does not match its certificate, except encrypted keys. Such a PKI is backed up
 * nevertheless, because the other files are worth keeping.
 */
export async function keyWarnings(
  entries: readonly (ArchiveEntry | LargeFile)[],
  directory: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<readonly string[]> {
  const files = durableFiles(archiveFileSystem(subtree(entries, ARCHIVE.pki), directory))
  const { findings } = await verifyRestored({ directory, groups: ['keys'], register: 'skip' }, null, {
    files,
    clock,
    random,
  })
  return findings
    .filter(({ status }) => status === 'failure')
    .map(({ message }) => `${message} It is backed up as it is.`)
}
