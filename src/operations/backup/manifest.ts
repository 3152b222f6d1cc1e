import { createHash } from 'node:crypto'
import * as z from 'zod/mini'
import { keyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { isFactoryName } from '../../factory-name.js'
import type { ArchiveEntry } from '../../storage/archive.js'
import { parseJson } from '../../storage/json-file.js'

/** What `manifest.json` in a backup says, for people and for fpki. */
export const backupManifest = z.strictObject({
  version: z.literal(1),
  /** The version of fpki that made it. */
  fpki: z.string(),
  createdAt: z.string(),
  factory: z.string().check(z.refine(isFactoryName)),
  /** The Factory API that knows the PKI; null: nothing says it. */
  api: z.nullable(z.string()),
  /** Where the PKI directory was. */
  directory: z.string(),
  /** SHA-256 of factory_ca.pem, DER, lower-case hex. */
  rootFingerprint: z.string(),
  /** null: in a token that the directory does not remember. */
  rootKey: z.nullable(keyRef),
  /** Is the state of the embedded Factory API in it? */
  embedded: z.boolean(),
  /** The command that was interrupted when it was made. */
  unfinished: z.nullable(z.string()),
  /** What it cannot hold, a sentence each. */
  notHeld: z.array(z.string()),
  /** SHA-256 of the envelope's recipients, which nothing else of it protects. */
  recipients: z.string(),
  entries: z.array(
    z.strictObject({
      path: z.string(),
      kind: z.enum(['file', 'directory']),
      /** Octal. */
      mode: z.string(),
      size: z.int(),
      /** Of the content; null for a folder. */
      sha256: z.nullable(z.string()),
    }),
  ),
})

/** See {@link backupManifest}. */
export type BackupManifest = z.infer<typeof backupManifest>

/** Where things are in the archive. */
export const ARCHIVE = { pki: 'pki', factories: 'factories', manifest: 'manifest.json', sums: 'SHA256SUMS' } as const

/** Everything that goes into the archive: the manifest, what it lists, and the sums, as `sha256sum -c` takes them. */
export function withManifest(
  facts: Omit<BackupManifest, 'entries'>,
  entries: readonly ArchiveEntry[],
): readonly ArchiveEntry[] {
  const manifest: BackupManifest = { ...facts, entries: entries.map(listed) }
  const first = textEntry(ARCHIVE.manifest, `${JSON.stringify(manifest, null, 2)}\n`)
  return [first, ...entries, textEntry(ARCHIVE.sums, sumsOf([first, ...entries]))]
}

/**
 * The manifest of an archive, when all that is in it is as it says. Throws ERR_BAD_FILE.
 *
 * @param what names the file
 * @param recipients those of the envelope that the archive was in
 */
export function checkedManifest(what: string, archive: readonly ArchiveEntry[], recipients: string) {
  const [first, ...others] = archive
  const [entries, sums] = [others.slice(0, -1), others.at(-1)]
  const problem = (reason: string) => brokenBackup(what, reason)
  if (first?.path !== ARCHIVE.manifest || sums?.path !== ARCHIVE.sums) throw problem('it has no manifest or no sums')
  const parsed = backupManifest.safeParse(parseJson(textOf(first)))
  if (!parsed.success) throw problem('its manifest is none of this version of fpki')
  const manifest = parsed.data
  if (manifest.recipients !== recipients) throw problem('the list of those who can open it was changed')
  if (textOf(sums) !== sumsOf([first, ...entries])) throw problem('its sums do not hold')
  const differs = entries.findIndex(
    (entry, at) => JSON.stringify(listed(entry)) !== JSON.stringify(manifest.entries[at]),
  )
  if (differs !== -1 || manifest.entries.length !== entries.length) throw problem('it holds other files than it lists')
  return { manifest, entries }
}

/** The error for a file that is no backup, or none that holds. */
export function brokenBackup(what: string, reason: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `${what} is not a backup that holds: ${reason}.`,
    'Nothing was written. Take another copy of it, or an earlier backup.',
  )
}

/** The folder `path` of an archive, as an entry of path ``, and all below it, as paths in it. */
export function below(entries: readonly ArchiveEntry[], path: string): readonly ArchiveEntry[] {
  return entries.flatMap((entry) =>
    `${entry.path}/`.startsWith(`${path}/`) ? [{ ...entry, path: entry.path.slice(path.length + 1) }] : [],
  )
}

/** A file of the archive with text in it. */
export function textEntry(path: string, text: string): ArchiveEntry {
  return { path, kind: 'file', mode: 0o600, content: Buffer.from(text) }
}

/** SHA-256, lower-case hex. */
export function sha256(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex')
}

function listed({ path, kind, mode, content }: ArchiveEntry): BackupManifest['entries'][number] {
  const sum = kind === 'file' ? sha256(content) : null
  return { path, kind, mode: mode.toString(8).padStart(4, '0'), size: content.length, sha256: sum }
}

function sumsOf(entries: readonly ArchiveEntry[]): string {
  const files = entries.filter(({ kind }) => kind === 'file')
  return files.map(({ path, content }) => `${sha256(content)}  ${path}\n`).join('')
}

function textOf({ content }: ArchiveEntry): string {
  return Buffer.from(content).toString()
}
