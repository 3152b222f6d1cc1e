import { basename, dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { OWN_FILES, OWN_FOLDER } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { factoryFolder } from '../../factory/embedded/state.js'
import { jsonDocument } from '../../json-document.js'
import type { Clock, DurableFiles, FileLock, Progress, Random } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import type { ArchiveEntry } from '../../storage/archive.js'
import { verifyPkiResult } from '../audit/verify-pki.js'
import { askedFor, markRestored } from './carried.js'
import { backupFacts } from './check-backup.js'
import { type BackupManifest, sha256 } from './manifest.js'
import { type BackupOpener, type OpenedBackup, openBackup, rehearse, withRecord } from './open.js'
import { asideOf, refuseTaken } from './place.js'
import { verifyRestored } from './verify-restored.js'

/** What `fpki ca restore --json` prints. */
export const restorePkiResult = jsonDocument({
  /** The backup, absolute. */
  file: z.string(),
  /** Of the file. */
  sha256: z.string(),
  ...backupFacts,
  /** The PKI directory that was made, absolute. */
  directory: z.string(),
  /** How many files were put back. */
  files: z.int(),
  /** The state of the embedded Factory API: `restored`, `kept` (there is one already), `left-out`, or `none` in the backup. */
  state: z.enum(['restored', 'kept', 'left-out', 'none']),
  /** As `ca verify --offline`, but a failure is about keys and chains alone; other findings are warnings. */
  verified: verifyPkiResult,
})

/** See {@link restorePkiResult}. */
export type RestorePkiResult = z.infer<typeof restorePkiResult>

/** What `ca restore` is asked to do. */
export interface RestorePkiOptions {
  /** The backup, absolute. */
  readonly file: string
  /** The directory, absolute; it is new or empty. */
  readonly directory: string
  /** Where the embedded Factory API keeps its factories; null: its state is left out. */
  readonly stateDirectory: string | null
  readonly skipRootKey: boolean
}

/** What `ca restore` works with. */
export interface RestorePkiPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  readonly progress: Progress
  readonly opener: BackupOpener
}

/**
 * Puts the PKI of a backup into a directory that is new or empty. Everything is checked before anything is written, and
 * the directory appears whole or not at all.
 *
 * @throws FpkiError ERR_EXISTS, ERR_NOT_A_DIRECTORY, ERR_PERMISSIONS; as openBackup and rehearse do; ERR_STORAGE,
 *   ERR_LOCKED
 */
export async function restorePki(options: RestorePkiOptions, ports: RestorePkiPorts): Promise<RestorePkiResult> {
  const { directory, file } = options
  const { files, progress, opener } = ports
  checkAbsolute(directory, 'PKI directory')
  await refuseTaken(files, directory)
  for (const sentence of await files.warningsAbove(directory)) progress.warn(sentence)
  const backup = await openBackup(files, file, opener)
  const { manifest } = backup
  // The rest is looked at when it is in its place.
  const how = { ...opener, skipRootKey: options.skipRootKey, groups: ['chain', 'root-key'] }
  const { record, access } = await rehearse(backup, directory, how, ports)
  progress.step('Writing the PKI directory')
  const state = await write({ ...backup, pki: markRestored(withRecord(backup.pki, record)) }, options, ports)
  for (const sentence of askedFor(backup.pki)) progress.warn(sentence)
  for (const sentence of [...manifest.notHeld, ...interrupted(manifest, options)]) progress.note(sentence)
  progress.step('Verifying it')
  const verified = await verifyRestored({ directory }, access, ports)
  const { version: _, entries: __, api: ___, recipients: ____, directory: _____, ...facts } = manifest
  const count = backup.pki.filter(({ kind }) => kind === 'file').length
  return { ...facts, file, sha256: backup.sha256, directory, files: count, state, verified }
}

/** The Factory API that the journal names is not taken from a backup. */
function interrupted({ unfinished, embedded }: BackupManifest, { directory }: RestorePkiOptions): readonly string[] {
  if (unfinished === null) return []
  const resume = `\`fpki ca resume ${shellWord(directory)} --api ${embedded ? 'embedded' : 'API'}\``
  return [`\`fpki ${unfinished}\` was interrupted when this was made: run it again, or ${resume}.`]
}

const EMPTY = new Uint8Array()

/** Fills both folders aside, and gives them their names only when all of it is on the disk. */
async function write(
  { pki, factory, manifest }: OpenedBackup,
  { directory, stateDirectory }: RestorePkiOptions,
  { files, progress }: RestorePkiPorts,
): Promise<RestorePkiResult['state']> {
  const folder = stateDirectory === null ? null : factoryFolder(stateDirectory, manifest.factory)
  const state = await stateOutcome(files, factory, folder)
  if (state === 'kept') progress.warn(`${folder} is there already and is left as it is.`)
  const aside = asideOf(dirname(directory), basename(directory))
  const lock = await holdAside(files, aside)
  // Two restores of one factory into two directories have a folder each.
  const stateAside = asideOf(stateDirectory ?? '', `${manifest.factory}-${sha256(Buffer.from(directory)).slice(0, 16)}`)
  try {
    await clearAside(files, aside)
    await refuseTaken(files, directory)
    // An interrupted restore may have left it.
    if (folder !== null) await files.removeTree(stateAside)
    await files.writeTree(aside, withoutLock(pki))
    if (folder !== null && state === 'restored') {
      await fillState(files, stateAside, folder, factory)
      await files.move(stateAside, folder)
    }
    await files.move(aside, directory)
  } catch (error) {
    // What went wrong first is what is told. What stays is cleared away by the next restore.
    await files.removeTree(aside).catch(() => undefined)
    if (state === 'restored') await files.removeTree(stateAside).catch(() => undefined)
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

/** The folder beside the directory, locked against another restore. */
async function holdAside(files: DurableFiles, aside: string): Promise<FileLock> {
  const own = join(aside, OWN_FOLDER)
  const lock = await lockAside(files, aside, own).catch(async (error: unknown) => {
    // What is somebody else's is not cleared away: a link could come into it meanwhile.
    if (error instanceof FpkiError && error.code === 'ERR_STORAGE') await files.removeTree(aside).catch(() => undefined)
    throw error
  })
  if (lock !== null) return lock
  const hint = 'Wait until it has ended, and look at what it has made.'
  throw new FpkiError('ERR_LOCKED', `Another fpki is restoring beside ${aside}.`, hint)
}

/** Removes what an interrupted restore left in the folder, but the lock. Folders that it closed to writing are opened. */
async function clearAside(files: DurableFiles, aside: string): Promise<void> {
  const own = join(aside, OWN_FOLDER)
  const open = ['', OWN_FOLDER].map((path) => ({ path, kind: 'directory', mode: 0o700, content: EMPTY }) as const)
  await files.writeTree(aside, open)
  for (const name of (await files.list(aside)) ?? []) if (name !== OWN_FOLDER) await files.removeTree(join(aside, name))
  for (const name of (await files.list(own)) ?? []) {
    if (name !== OWN_FILES.lock) await files.removeTree(join(own, name))
  }
}

async function lockAside(files: DurableFiles, aside: string, own: string): Promise<FileLock | null> {
  await files.makeDirectory(aside)
  await files.checkOwnDirectory(aside)
  await files.makeDirectory(own)
  await files.checkOwnDirectory(own)
  return files.lock(join(own, OWN_FILES.lock))
}

/** The lock that is held is the one that stays. */
function withoutLock(pki: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  return pki.filter(({ path }) => path !== `${OWN_FOLDER}/${OWN_FILES.lock}`)
}

async function fillState(
  files: DurableFiles,
  aside: string,
  folder: string,
  factory: readonly ArchiveEntry[],
): Promise<void> {
  await files.makeDirectory(dirname(folder))
  await files.makeDirectory(aside)
  await files.checkOwnDirectory(aside)
  await files.writeTree(aside, factory)
}
