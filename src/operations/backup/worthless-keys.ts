import type { Clock, Random } from '../../ports.js'
import type { ArchiveEntry } from '../../storage/archive.js'
import { archiveFileSystem } from '../../storage/archive-files.js'
import { durableFiles } from '../../storage/files.js'
import { ARCHIVE, below } from './manifest.js'
import { verifyRestored } from './verify-restored.js'

/**
 * A sentence for each key that is damaged or not that of its certificate, as `ca verify` finds them. Without a passphrase, so
 * encrypted keys are left out. Such a backup is made all the same: the rest of it is good.
 */
export async function worthlessKeys(
  entries: readonly ArchiveEntry[],
  directory: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<readonly string[]> {
  const files = durableFiles(archiveFileSystem(below(entries, ARCHIVE.pki), directory))
  const { findings } = await verifyRestored({ directory, groups: ['keys'] }, null, { files, clock, random })
  return findings
    .filter(({ status }) => status === 'failure')
    .map(({ message }) => `${message} The backup contains it as it is.`)
}
