import * as z from 'zod/mini'
import { DEVICE_REGISTER } from '../../directory/names.js'
import { keyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { isFactoryName } from '../../factory-name.js'
import { sha256 } from '../../sha256.js'
import type { ArchiveEntry, LargeEntry, LargeFile } from '../../storage/archive.js'
import { parseJson } from '../../storage/json-file.js'

/** `manifest.json` in a backup. */
export const backupManifest = z.strictObject({
  version: z.literal(1),
  /** The version of fpki that created it. */
  fpki: z.string(),
  createdAt: z.string(),
  factory: z.string().check(z.refine(isFactoryName)),
  /** The Factory API of the PKI; null: not recorded. */
  api: z.nullable(z.string()),
  /** The path of the PKI directory. */
  directory: z.string(),
  /** SHA-256 of factory_ca.pem, DER, lower-case hex. */
  rootFingerprint: z.string(),
  /** null: in a token that the directory does not record. */
  rootKey: z.nullable(keyRef),
  /** Does it contain the state of the embedded Factory API? */
  embedded: z.boolean(),
  /** The device register, and whether it is in the backup; null: the directory had none. */
  devices: z.nullable(z.strictObject({ certificates: z.int(), included: z.boolean() })),
  /** The command that was interrupted at the time of the backup. */
  unfinished: z.nullable(z.string()),
  /** What it cannot contain, a sentence each. */
  notHeld: z.array(z.string()),
  /** SHA-256 of the recipients in the envelope, which nothing else authenticates. */
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

/** Paths in the archive. */
export const ARCHIVE = { pki: 'pki', factories: 'factories', manifest: 'manifest.json', sums: 'SHA256SUMS' } as const

/** The device register in the archive. */
export const REGISTER_PATH = `${ARCHIVE.pki}/${DEVICE_REGISTER}`

/** The whole archive: the manifest, the entries it lists, and SHA256SUMS for `sha256sum -c`. */
export function withManifest(
  facts: Omit<BackupManifest, 'entries'>,
  entries: readonly (ArchiveEntry | LargeEntry)[],
): readonly (ArchiveEntry | LargeEntry)[] {
  const manifest: BackupManifest = { ...facts, entries: entries.map(manifestEntry) }
  const first = textEntry(ARCHIVE.manifest, `${JSON.stringify(manifest, null, 2)}\n`)
  return [first, ...entries, textEntry(ARCHIVE.sums, sumsOf([first, ...entries]))]
}

/**
 * The manifest of an archive, once its files match it and SHA256SUMS. Throws ERR_BAD_FILE.
 *
 * @param what the backup, for messages
 * @param recipients SHA-256 of the recipients of the envelope
 */
export function checkedManifest<Large extends LargeFile>(
  what: string,
  archive: readonly (ArchiveEntry | Large)[],
  recipients: string,
) {
  const [first, ...others] = archive
  const [entries, sums] = [others.slice(0, -1), others.at(-1)]
  const problem = (reason: string) => brokenBackup(what, reason)
  if (first?.path !== ARCHIVE.manifest || sums?.path !== ARCHIVE.sums)
    throw problem('its manifest or SHA256SUMS is missing')
  const parsed = backupManifest.safeParse(parseJson(textOf(first)))
  if (!parsed.success) throw problem('its manifest is invalid, or of another version of fpki')
  const manifest = parsed.data
  if (manifest.recipients !== recipients) throw problem('its list of recipients was changed')
  if (textOf(sums) !== sumsOf([first, ...entries])) throw problem('its files do not match SHA256SUMS')
  const differs = entries.findIndex(
    (entry, at) => JSON.stringify(manifestEntry(entry)) !== JSON.stringify(manifest.entries[at]),
  )
  if (differs !== -1 || manifest.entries.length !== entries.length) throw problem('its files do not match its manifest')
  return { manifest, entries }
}

/** The error for a file that is not a backup or is damaged; `reason` is a clause. */
export function brokenBackup(what: string, reason: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `${what} is not a valid backup: ${reason}.`,
    'Nothing was written. Use another copy of the file, or an earlier backup.',
  )
}

/** The folder `path` of an archive and everything in memory below it, with paths relative to it. */
export function subtree(entries: readonly (ArchiveEntry | LargeFile)[], path: string): readonly ArchiveEntry[] {
  return entries.flatMap((entry) =>
    'content' in entry && `${entry.path}/`.startsWith(`${path}/`)
      ? [{ ...entry, path: entry.path.slice(path.length + 1) }]
      : [],
  )
}

/** A text file in the archive. */
export function textEntry(path: string, text: string): ArchiveEntry {
  return { path, kind: 'file', mode: 0o600, content: Buffer.from(text) }
}

function manifestEntry(entry: ArchiveEntry | LargeFile): BackupManifest['entries'][number] {
  const { path, kind, mode } = entry
  const size = 'content' in entry ? entry.content.length : entry.size
  const sum = kind === 'file' ? sha256Of(entry) : null
  return { path, kind, mode: mode.toString(8).padStart(4, '0'), size, sha256: sum }
}

function sumsOf(entries: readonly (ArchiveEntry | LargeFile)[]): string {
  const files = entries.filter(({ kind }) => kind === 'file')
  return files.map((file) => `${sha256Of(file)}  ${file.path}\n`).join('')
}

function sha256Of(entry: ArchiveEntry | LargeFile): string {
  return 'content' in entry ? sha256(entry.content) : entry.sha256
}

/** Empty for a large file. */
function textOf(entry: ArchiveEntry | LargeFile): string {
  return 'content' in entry ? Buffer.from(entry.content).toString() : ''
}
