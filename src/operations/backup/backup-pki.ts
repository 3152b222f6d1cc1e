import * as z from 'zod/mini'
import { newEnvelope } from '../../containers/cms/envelope.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { type BackupRecord, keyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { rfc3339 } from '../../pki/describe.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, EncryptionPorts, Progress } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { newArchive } from '../../storage/archive.js'
import { VERSION } from '../../version.js'
import { type OpenPki, openPki } from '../open-pki.js'
import { type BackupContents, collectContents } from './collect.js'
import { removeRegisterCopy } from './collect-register.js'
import { keyWarnings } from './key-warnings.js'
import { backupManifest, withManifest } from './manifest.js'
import { type KeyPassphrases, proveRootKey } from './root-key.js'
import type { PreparedBackupTarget } from './target.js'
import { verifyWritten } from './verify-written.js'

export { type BackupTarget, type PreparedBackupTarget, prepareBackupTarget } from './target.js'

/** What `fpki ca backup --out --json` prints. */
export const backupPkiResult = jsonDocument({
  /** Absolute; `size` (in octets) and `sha256` are of this file. */
  file: z.string(),
  size: z.int(),
  sha256: z.string(),
  createdAt: z.string(),
  factory: z.string(),
  /** The PKI directory, absolute. */
  directory: z.string(),
  rootFingerprint: z.string(),
  /** null: in a token that the directory does not record. */
  rootKey: z.nullable(keyRef),
  /** Does it contain the state of the embedded Factory API? */
  embedded: z.boolean(),
  /** The device register, and whether it is in the backup; null: the directory has none. */
  devices: backupManifest.shape.devices,
  /** The root key in it was opened and matches factory_ca.pem. */
  rootKeyProven: z.boolean(),
  /** How many files it contains. */
  files: z.int(),
  /** Who can open it. */
  openedBy: z.strictObject({ passphrase: z.boolean(), certificates: z.array(z.string()) }),
  /** What it cannot contain, a sentence each. */
  notHeld: z.array(z.string()),
  warnings: z.array(z.string()),
})

/** See {@link backupPkiResult}. */
export type BackupPkiResult = z.infer<typeof backupPkiResult>

/** Options of `ca backup`. */
export interface BackupPkiOptions {
  /** Absolute path. */
  readonly directory: string
  /** From flags or environment; null: the factory that the directory records. */
  readonly factory: string | null
  /** Of the embedded Factory API; null: another Factory API is selected. */
  readonly stateDirectory: string | null
  /** Include the device register; absent: yes. */
  readonly withDevices?: boolean
  readonly target: PreparedBackupTarget
  /** For an encrypted root key; absent: only the passphrase of the backup is tried. */
  readonly keyPassphrases?: KeyPassphrases
}

/** Ports of `ca backup`. */
export interface BackupPkiPorts extends EncryptionPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly progress: Progress
  /** Aborts reading a large device register; absent: nothing does. */
  readonly signal?: AbortSignal
}

/** Seconds: a nightly backup should not fail because another command is running briefly. */
const LOCK_TIMEOUT = 20

/**
 * Backs up a PKI to one encrypted file, and reads it back before reporting success. Nothing is written unencrypted.
 *
 * @throws FpkiError as openPki does; ERR_LOCKED, ERR_EXISTS, ERR_STORAGE, ERR_BAD_FILE; the reason of the signal
 */
export async function backupPki(options: BackupPkiOptions, ports: BackupPkiPorts): Promise<BackupPkiResult> {
  const { files, progress } = ports
  const pki = await openPki(files, options.directory, options.factory)
  await pki.directory.make()
  const lock = await pki.directory.lock(LOCK_TIMEOUT)
  try {
    progress.step('Reading the PKI directory')
    const contents = await collectContents(pki, { withDevices: true, ...options }, ports)
    const { target, keyPassphrases = null } = options
    const rootKeyProven = await proveRootKey(pki, contents.facts, target.passphrase, keyPassphrases)
    return await writeBackup(pki, { ...contents, rootKeyProven }, target, ports)
  } finally {
    // Should that fail, whoever has the lock next removes it.
    await removeRegisterCopy(pki.directory.path, files).catch(() => undefined)
    await lock.release()
  }
}

async function writeBackup(
  { directory }: OpenPki,
  { entries, facts, rootKeyProven }: BackupContents & { readonly rootKeyProven: boolean },
  target: PreparedBackupTarget,
  ports: BackupPkiPorts,
): Promise<BackupPkiResult> {
  const { files, clock, progress } = ports
  const { out, passphrase, certificates } = target
  const now = clock()
  const createdAt = rfc3339(now)
  const warnings = [
    ...interruptedWarning(facts.unfinished, directory.path),
    ...expiredWarnings(certificates, now),
    ...untestedKeyWarning(facts, rootKeyProven, out),
    ...(await keyWarnings(entries, directory.path, ports)),
  ]
  for (const warning of warnings) progress.warn(warning)
  progress.step('Encrypting and writing the backup')
  const envelope = newEnvelope({ passphrase, certificates }, ports)
  const { recipients } = envelope
  const all = withManifest({ version: 1, fpki: VERSION, createdAt, ...facts, recipients }, entries)
  await files.create(out, envelope.seal(await newArchive(all, now)), 0o600)
  progress.step('Reading the backup back')
  const { size, sha256: sum } = await verifyWritten({ envelope, target, archive: all }, ports)
  const record = { version: 1, madeAt: createdAt, file: out, sha256: sum, provedAt: null } as const
  warnings.push(...(await recordBackup(directory, record, progress)))
  const { factory, rootFingerprint, rootKey, embedded, devices, notHeld } = facts
  return {
    file: out,
    size,
    sha256: sum,
    createdAt,
    factory,
    directory: directory.path,
    rootFingerprint,
    rootKey,
    embedded,
    devices,
    rootKeyProven,
    files: entries.filter(({ kind }) => kind === 'file').length,
    openedBy: { passphrase: passphrase !== null, certificates: certificates.map(({ x509 }) => x509.subject) },
    notHeld,
    warnings,
  }
}

/** A failure is only a warning, which it resolves to: the backup itself is complete. */
async function recordBackup(directory: PkiDirectory, record: BackupRecord, { warn }: Progress): Promise<string[]> {
  try {
    await directory.writeBackup(record)
    return []
  } catch (error) {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_STORAGE') throw error
    const retry = `\`fpki ca backup --check ${shellWord(record.file)} --pki-dir ${shellWord(directory.path)}\``
    const warning = `The backup is complete, but recording it in ${directory.path} failed: ${error.message} To record it, run ${retry}.`
    warn(warning)
    return [warning]
  }
}

/** A backup is useless if nobody can decrypt its root key. */
function untestedKeyWarning({ rootKey }: BackupContents['facts'], rootKeyProven: boolean, out: string): string[] {
  if (rootKey?.kind !== 'file' || rootKeyProven) return []
  const problem = `${PKI_FILES.rootKey} is encrypted, and its passphrase was not tested: without it, the backup is useless.`
  return [`${problem} To test it, run \`fpki ca backup --check ${shellWord(out)} --key-passphrase-file FILE\`.`]
}

function interruptedWarning(unfinished: string | null, directory: string): string[] {
  if (unfinished === null) return []
  const resume = `\`fpki ca resume ${shellWord(directory)}\``
  return [`\`fpki ${unfinished}\` was interrupted. Finish it with ${resume}, then make another backup.`]
}

function expiredWarnings(certificates: readonly Certificate[], now: Date): string[] {
  const expired = certificates.filter(({ notAfter }) => notAfter < now)
  return expired.map(({ x509 }) => `The certificate of ${x509.subject} has expired; its key still opens the backup.`)
}
