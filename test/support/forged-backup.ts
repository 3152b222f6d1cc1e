import { readFile, writeFile } from 'node:fs/promises'
import { newEnvelope } from '../../src/containers/cms/envelope.js'
import { thisMachine } from '../../src/machine/index.js'
import { type BackupManifest, withManifest } from '../../src/operations/backup/manifest.js'
import { type ArchiveEntry, newArchive } from '../../src/storage/archive.js'
import { entriesOf, open } from './envelopes.js'

/** What somebody changes who knows the passphrase. */
export interface Forgery {
  readonly entries: readonly ArchiveEntry[]
  readonly facts?: Partial<Omit<BackupManifest, 'entries' | 'recipients'>>
}

/** Another backup in the place of one, whole in itself: with its own manifest, sums and envelope for the same passphrase. */
export async function forge(
  file: string,
  passphrase: string,
  change: (entries: readonly ArchiveEntry[]) => Forgery,
): Promise<void> {
  const opened = await open(await readFile(file), { passphrase })
  const [manifest, ...rest] = await entriesOf(opened?.content ?? Buffer.alloc(0))
  const { entries: _, ...facts }: BackupManifest = JSON.parse(Buffer.from(manifest?.content ?? []).toString())
  const { entries, facts: others = {} } = change(rest.slice(0, -1))
  const envelope = newEnvelope({ passphrase, certificates: [] }, thisMachine({ passphraseRounds: 1000 }))
  const all = withManifest({ ...facts, ...others, recipients: envelope.recipients }, entries)
  await writeFile(file, envelope.seal(await newArchive(all, new Date(0))))
}

/** The entries with `content` in the place of one; null: without it. */
export function exchanged(
  entries: readonly ArchiveEntry[],
  path: string,
  content: Uint8Array | null,
): readonly ArchiveEntry[] {
  return entries.flatMap((entry) => {
    if (entry.path !== path) return [entry]
    return content === null ? [] : [{ ...entry, content }]
  })
}
