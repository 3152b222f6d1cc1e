import * as z from 'zod/mini'
import { type Envelope, newEnvelope, type OpenedEnvelope, openEnvelope } from '../../containers/cms/envelope.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { type BackupRecord, keyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { type OpenPki, openPki } from '../../issuance/open-pki.js'
import { jsonDocument } from '../../json-document.js'
import { rfc3339 } from '../../pki/describe.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, EncryptionPorts, Progress } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { type ArchiveEntry, readArchive, writeArchive } from '../../storage/archive.js'
import { VERSION } from '../../version.js'
import { type Collected, collect } from './collect.js'
import { checkedManifest, sha256, withManifest } from './manifest.js'
import { MAX_BACKUP_BYTES } from './open.js'
import { type KeyPassphrases, requireRoot } from './root-key.js'
import type { PreparedBackupTarget } from './target.js'
import { worthlessKeys } from './worthless-keys.js'

export { type BackupTarget, type PreparedBackupTarget, prepareBackupTarget } from './target.js'

/** What `fpki ca backup --out --json` prints. */
export const backupPkiResult = jsonDocument({
  /** Absolute; size in octets and SHA-256 are of it. */
  file: z.string(),
  size: z.int(),
  sha256: z.string(),
  createdAt: z.string(),
  factory: z.string(),
  /** The PKI directory, absolute. */
  directory: z.string(),
  rootFingerprint: z.string(),
  /** null: in a token that the directory does not remember. */
  rootKey: z.nullable(keyRef),
  /** Is the state of the embedded Factory API in it? */
  embedded: z.boolean(),
  /** The root key in it was opened, and is that of factory_ca.pem. */
  rootKeyProven: z.boolean(),
  /** How many files it holds. */
  files: z.int(),
  /** Who can open it. */
  openedBy: z.strictObject({ passphrase: z.boolean(), certificates: z.array(z.string()) }),
  /** What it cannot hold, a sentence each. */
  notHeld: z.array(z.string()),
  warnings: z.array(z.string()),
})

/** See {@link backupPkiResult}. */
export type BackupPkiResult = z.infer<typeof backupPkiResult>

/** What `ca backup` is asked to do. */
export interface BackupPkiOptions {
  /** Absolute path. */
  readonly directory: string
  /** Said by flags or environment; null: the directory says it. */
  readonly factory: string | null
  /** Where the embedded Factory API keeps its factories; null: it is not the one that is chosen. */
  readonly stateDirectory: string | null
  readonly target: PreparedBackupTarget
  /** How an encrypted root key is tried; absent: with the passphrase of the backup only. */
  readonly keyPassphrases?: KeyPassphrases
}

/** What `ca backup` works with. */
export interface BackupPkiPorts extends EncryptionPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly progress: Progress
}

/** Seconds: a backup at night is not to fail because another command is at work for a moment. */
const PATIENCE = 20

/**
 * Makes a backup of a PKI, as one encrypted file, and opens it again before it says so. Nothing of it is on the disk in
 * the clear.
 *
 * @throws FpkiError as openPki does; ERR_LOCKED, ERR_EXISTS, ERR_STORAGE, ERR_BAD_FILE
 */
export async function backupPki(options: BackupPkiOptions, ports: BackupPkiPorts): Promise<BackupPkiResult> {
  const { files, progress } = ports
  const pki = await openPki(files, options.directory, options.factory)
  await pki.directory.make()
  const lock = await pki.directory.lock(PATIENCE)
  try {
    progress.step('Reading the PKI directory')
    const collected = await collect(files, pki, options.stateDirectory)
    const { target, keyPassphrases = null } = options
    const rootKeyProven = await requireRoot(pki, collected.facts, target.passphrase, keyPassphrases)
    return await writeBackup(pki, { ...collected, rootKeyProven }, target, ports)
  } finally {
    await lock.release()
  }
}

async function writeBackup(
  { directory }: OpenPki,
  { entries, facts, rootKeyProven }: Collected & { readonly rootKeyProven: boolean },
  target: PreparedBackupTarget,
  ports: BackupPkiPorts,
): Promise<BackupPkiResult> {
  const { files, clock, progress } = ports
  const { out, passphrase, certificates } = target
  const now = clock()
  const createdAt = rfc3339(now)
  const warnings = [
    ...warningsOf(facts.unfinished, certificates, now),
    ...untried(facts, rootKeyProven, out),
    ...(await worthlessKeys(entries, directory.path, ports)),
  ]
  for (const warning of warnings) progress.warn(warning)
  progress.step('Encrypting and writing the backup')
  const envelope = newEnvelope({ passphrase, certificates }, ports)
  const { recipients } = envelope
  const all = withManifest({ version: 1, fpki: VERSION, createdAt, ...facts, recipients }, entries)
  const file = envelope.seal(await writeArchive(all, now))
  await files.create(out, file, 0o600)
  progress.step('Opening it again')
  await proveWritten(files, target, envelope, all)
  const sum = sha256(file)
  const record = { version: 1, madeAt: createdAt, file: out, sha256: sum, provedAt: null } as const
  warnings.push(...(await remembered(directory, record, progress)))
  const { factory, rootFingerprint, rootKey, embedded, notHeld } = facts
  return {
    file: out,
    size: file.length,
    sha256: sum,
    createdAt,
    factory,
    directory: directory.path,
    rootFingerprint,
    rootKey,
    embedded,
    rootKeyProven,
    files: entries.filter(({ kind }) => kind === 'file').length,
    openedBy: { passphrase: passphrase !== null, certificates: certificates.map(({ x509 }) => x509.subject) },
    notHeld,
    warnings,
  }
}

/** The backup is made and whole, whatever becomes of what the directory knows of it. Resolves to what went wrong. */
async function remembered(directory: PkiDirectory, record: BackupRecord, { warn }: Progress): Promise<string[]> {
  try {
    await directory.writeBackup(record)
    return []
  } catch (error) {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_STORAGE') throw error
    const again = `\`fpki ca backup --check ${shellWord(record.file)} --pki-dir ${shellWord(directory.path)}\` has it remember`
    const warning = `The backup is made, but ${directory.path} does not remember it: ${error.message} ${again}.`
    warn(warning)
    return [warning]
  }
}

/** Reads the file from the disk and compares all that is in it. One that does not hold is removed: nobody may trust it. */
async function proveWritten(
  files: DurableFiles,
  { out, passphrase }: PreparedBackupTarget,
  envelope: Envelope,
  written: readonly ArchiveEntry[],
): Promise<void> {
  try {
    const file = (await files.readOctets(out, MAX_BACKUP_BYTES)) ?? new Uint8Array()
    const opened = passphrase === null ? envelope.reopen(file) : await openEnvelope(file, { passphrase })
    if (opened !== null && (await isSame(out, opened, written))) return
  } catch {
    // Told below, whatever it was.
  }
  await files.remove(out)
  const hint = 'It was removed again. Check the disk (dmesg), or name a file on another one.'
  throw new FpkiError('ERR_STORAGE', `${out} cannot be read back as it was written.`, hint)
}

async function isSame(
  out: string,
  { content, recipients }: OpenedEnvelope,
  written: readonly ArchiveEntry[],
): Promise<boolean> {
  const read = await readArchive(content)
  checkedManifest(out, read, recipients)
  return read.every(({ path, kind, mode, content: octets }, at) => {
    const one = written[at]
    return one?.path === path && one.kind === kind && one.mode === mode && Buffer.from(octets).equals(one.content)
  })
}

/** A backup with a key that nobody can open is none. */
function untried({ rootKey }: Collected['facts'], rootKeyProven: boolean, out: string): string[] {
  if (rootKey?.kind !== 'file' || rootKeyProven) return []
  const what = `${PKI_FILES.rootKey} is encrypted, and its passphrase was not tried: without it, the backup is worth nothing.`
  return [`${what} \`fpki ca backup --check ${shellWord(out)} --key-passphrase-file FILE\` tries it.`]
}

function warningsOf(unfinished: string | null, certificates: readonly Certificate[], now: Date): string[] {
  const ended = certificates.filter(({ notAfter }) => notAfter < now)
  return [
    ...(unfinished === null
      ? []
      : [`\`fpki ${unfinished}\` was interrupted: bring it to its end, and make another backup.`]),
    ...ended.map(
      ({ x509 }) => `The certificate of ${x509.subject} has expired; its key opens the backup all the same.`,
    ),
  ]
}
