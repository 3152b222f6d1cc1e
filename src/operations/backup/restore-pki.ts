import { basename, dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { DEVICE_REGISTER, OWN_FILES, OWN_FOLDER } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { factoryFolder } from '../../factory/embedded/state.js'
import { jsonDocument } from '../../json-document.js'
import type { Clock, DurableFiles, FileLock, Progress, Random } from '../../ports.js'
import { sha256 } from '../../sha256.js'
import { shellWord } from '../../shell-word.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import type { ArchiveEntry } from '../../storage/archive.js'
import { verifyPkiResult } from '../audit/verify-pki.js'
import { backupFacts } from './check-backup.js'
import type { BackupManifest } from './manifest.js'
import { type BackupOpener, type OpenedBackup, openBackup, verifyBackup, withRecord } from './open.js'
import { requireNewOrEmpty, stagingPath } from './place.js'
import { markRestored, untrustedReferences } from './restored-records.js'
import { verifyRestored } from './verify-restored.js'

/** What `fpki ca restore --json` prints. */
export const restorePkiResult = jsonDocument({
  /** The backup, absolute. */
  file: z.string(),
  /** Of the file. */
  sha256: z.string(),
  ...backupFacts,
  /** The new PKI directory, absolute. */
  directory: z.string(),
  /** How many files were restored. */
  files: z.int(),
  /** The state of the embedded Factory API: `restored`, `kept` (it existed), `left-out`, or `none` in the backup. */
  state: z.enum(['restored', 'kept', 'left-out', 'none']),
  /** As from `ca verify --offline`, but only findings about keys and chains are failures. */
  verified: verifyPkiResult,
})

/** See {@link restorePkiResult}. */
export type RestorePkiResult = z.infer<typeof restorePkiResult>

/** Options of `ca restore`. */
export interface RestorePkiOptions {
  /** The backup, absolute. */
  readonly file: string
  /** The new or empty directory, absolute. */
  readonly directory: string
  /** Of the embedded Factory API; null: do not restore its state. */
  readonly stateDirectory: string | null
  readonly skipRootKey: boolean
}

/** Ports of `ca restore`. */
export interface RestorePkiPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  readonly progress: Progress
  readonly opener: BackupOpener
}

/**
 * Restores the PKI of a backup into a new or empty directory. Everything is checked before anything is written, and the
 * directory appears complete or not at all.
 *
 * @throws FpkiError ERR_EXISTS, ERR_NOT_A_DIRECTORY, ERR_PERMISSIONS; as openBackup and verifyBackup do; ERR_STORAGE,
 *   ERR_LOCKED
 */
export async function restorePki(options: RestorePkiOptions, ports: RestorePkiPorts): Promise<RestorePkiResult> {
  const { directory, file } = options
  const { files, progress, opener } = ports
  checkAbsolute(directory, 'PKI directory')
  await requireNewOrEmpty(files, directory)
  for (const sentence of await files.warningsAbove(directory)) progress.warn(sentence)
  return openBackup(files, file, opener, (backup) => restoreOpened(backup, options, ports))
}

async function restoreOpened(
  backup: OpenedBackup,
  options: RestorePkiOptions,
  ports: RestorePkiPorts,
): Promise<RestorePkiResult> {
  const { directory } = options
  const { progress, opener } = ports
  const { manifest, file } = backup
  // The other checks run on the restored directory.
  const how = { ...opener, skipRootKey: options.skipRootKey, groups: ['chain', 'root-key'] }
  const { record, access } = await verifyBackup(backup, directory, how, ports)
  progress.step('Writing the PKI directory')
  const state = await write({ ...backup, pki: markRestored(withRecord(backup.pki, record)) }, options, ports)
  for (const sentence of untrustedReferences(backup.pki)) progress.warn(sentence)
  for (const sentence of [...manifest.notHeld, ...interruptedNote(manifest, options)]) progress.note(sentence)
  progress.step('Verifying the restored PKI')
  const verified = await verifyRestored({ directory }, access, ports)
  const { version: _, entries: __, api: ___, recipients: ____, directory: _____, ...facts } = manifest
  const count = backup.pki.filter(({ kind }) => kind === 'file').length + (backup.register === null ? 0 : 1)
  return { ...facts, file, sha256: backup.sha256, directory, files: count, state, verified }
}

/** With --api, because the Factory API in the journal of a backup is not trusted. */
function interruptedNote(
  { unfinished, embedded }: BackupManifest,
  { directory }: RestorePkiOptions,
): readonly string[] {
  if (unfinished === null) return []
  const resume = `\`fpki ca resume ${shellWord(directory)} --api ${embedded ? 'embedded' : 'API'}\``
  return [`\`fpki ${unfinished}\` was interrupted when the backup was made. To finish it, run ${resume}.`]
}

const EMPTY = new Uint8Array()

/** Fills both folders under temporary names, and renames them once everything is on the disk. */
async function write(
  { pki, register, factory, manifest }: OpenedBackup,
  { directory, stateDirectory }: RestorePkiOptions,
  { files, progress }: RestorePkiPorts,
): Promise<RestorePkiResult['state']> {
  const folder = stateDirectory === null ? null : factoryFolder(stateDirectory, manifest.factory)
  const state = await stateOutcome(files, factory, folder)
  if (state === 'kept') progress.warn(`${folder} exists and was not replaced.`)
  const staging = stagingPath(dirname(directory), basename(directory))
  const lock = await lockStaging(files, staging)
  // The name depends on the directory, so that parallel restores of one factory do not collide.
  const stateStaging = stagingPath(stateDirectory ?? '', `${manifest.factory}-${sha256(directory).slice(0, 16)}`)
  try {
    await clearStaging(files, staging)
    await requireNewOrEmpty(files, directory)
    // Left over from an interrupted restore.
    if (folder !== null) await files.removeTree(stateStaging)
    // First, because the tree may make its folder read-only.
    if (register !== null) await files.create(join(staging, DEVICE_REGISTER), register.read(), 0o600)
    await files.writeTree(staging, withoutLock(pki))
    if (folder !== null && state === 'restored') {
      await fillState(files, stateStaging, folder, factory)
      await files.move(stateStaging, folder)
    }
    await files.move(staging, directory)
  } catch (error) {
    // Report the first error. The next restore removes what this cannot.
    await files.removeTree(staging).catch(() => undefined)
    if (state === 'restored') await files.removeTree(stateStaging).catch(() => undefined)
    throw error
  } finally {
    await lock.release()
  }
  return state
}

async function stateOutcome(
  files: DurableFiles,
  factory: readonly ArchiveEntry[],
  folder: string | null,
): Promise<RestorePkiResult['state']> {
  if (factory.length === 0) return 'none'
  if (folder === null) return 'left-out'
  return (await files.kindOf(folder)) === null ? 'restored' : 'kept'
}

/** Creates the staging folder and locks it against another restore. */
async function lockStaging(files: DurableFiles, staging: string): Promise<FileLock> {
  const own = join(staging, OWN_FOLDER)
  const lock = await tryLock(files, staging, own).catch(async (error: unknown) => {
    // A folder of another user is not removed: its owner could swap in a link meanwhile.
    if (error instanceof FpkiError && error.code === 'ERR_STORAGE')
      await files.removeTree(staging).catch(() => undefined)
    throw error
  })
  if (lock !== null) return lock
  const hint = 'Wait for it to finish, then check what it restored.'
  throw new FpkiError('ERR_LOCKED', `${staging} is locked by another fpki process that is restoring.`, hint)
}

/** Removes what an interrupted restore left in the folder, except the lock, even from folders that it made read-only. */
async function clearStaging(files: DurableFiles, staging: string): Promise<void> {
  const own = join(staging, OWN_FOLDER)
  const open = ['', OWN_FOLDER].map((path) => ({ path, kind: 'directory', mode: 0o700, content: EMPTY }) as const)
  await files.writeTree(staging, open)
  for (const name of (await files.list(staging)) ?? [])
    if (name !== OWN_FOLDER) await files.removeTree(join(staging, name))
  for (const name of (await files.list(own)) ?? []) {
    if (name !== OWN_FILES.lock) await files.removeTree(join(own, name))
  }
}

async function tryLock(files: DurableFiles, staging: string, own: string): Promise<FileLock | null> {
  await files.makeDirectory(staging)
  await files.checkOwnDirectory(staging)
  await files.makeDirectory(own)
  await files.checkOwnDirectory(own)
  return files.lock(join(own, OWN_FILES.lock))
}

/** Leaves the lock file in place that this process holds. */
function withoutLock(pki: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  return pki.filter(({ path }) => path !== `${OWN_FOLDER}/${OWN_FILES.lock}`)
}

async function fillState(
  files: DurableFiles,
  staging: string,
  folder: string,
  factory: readonly ArchiveEntry[],
): Promise<void> {
  await files.makeDirectory(dirname(folder))
  await files.makeDirectory(staging)
  await files.checkOwnDirectory(staging)
  await files.writeTree(staging, factory)
}
