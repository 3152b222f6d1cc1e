import { dirname, isAbsolute, join } from 'node:path'
import type { DurableFiles } from '../ports.js'
import {
  ABANDONED_FOLDER,
  AUDIT_LOG,
  AUDIT_LOG_HEAD,
  HISTORY_FOLDER,
  OWN_FILES,
  OWN_FOLDER,
  PENDING_FOLDER,
  PKI_FILES,
} from './names.js'

/** The part of a PKI directory that is about whose it is. */
export interface OwnedDirectory {
  /**
   * Is the directory there, and are it, fpki's folder in it and the records there their owner's alone to change? Throws
   * ERR_NOT_A_DIRECTORY or ERR_PERMISSIONS; ERR_PERMISSIONS also when everybody can rename one of the folders above.
   */
  check(): Promise<'ready' | 'missing'>
  /** Why a PKCS#11 module that a record names is not to be loaded: a clause; null: it may be. */
  whyNotLoadable(record: 'state' | 'journal', module: string): Promise<string | null>
  /** Who else could put another directory in the place of this one: a sentence each. */
  warningsAbove(): Promise<readonly string[]>
}

/** See {@link OwnedDirectory}. */
export function ownedDirectory(files: DurableFiles, path: string): OwnedDirectory {
  return {
    check: () => check(files, path),
    whyNotLoadable: (record, module) =>
      whyNotLoadable(files, { directory: path, record: join(path, OWN_FOLDER, OWN_FILES[record]), module }),
    warningsAbove: () => files.warningsAbove(path),
  }
}

/** fpki's own folders in the PKI directory at `path`. */
export function ownFolders(path: string): readonly string[] {
  return ['.', PENDING_FOLDER, HISTORY_FOLDER, ABANDONED_FOLDER].map((name) => join(path, OWN_FOLDER, name))
}

function ownRecords(path: string): readonly string[] {
  return [...Object.values(OWN_FILES), AUDIT_LOG, AUDIT_LOG_HEAD].map((name) => join(path, OWN_FOLDER, name))
}

async function check(files: DurableFiles, path: string): Promise<'ready' | 'missing'> {
  if ((await files.list(path)) === null) {
    await files.checkAbove(path)
    return 'missing'
  }
  await files.checkDirectory(path)
  for (const folder of ownFolders(path)) if ((await files.list(folder)) !== null) await files.checkOwnDirectory(folder)
  for (const record of ownRecords(path)) await files.checkOwnFile(record)
  return 'ready'
}

/** Why the PKI directory at `path`, or a record of fpki's in it, is not known to be ours; null: it is. A clause. */
export async function whyForeignDirectory(files: DurableFiles, path: string): Promise<string | null> {
  for (const place of [path, ...ownFolders(path), ...ownRecords(path)]) {
    const reason = await files.whyForeign(place)
    if (reason !== null) return reason
  }
  return null
}

/**
 * Why a PKCS#11 module that a record of a PKI directory names is not to be loaded; null: directory, record and module are ours or
 * root's alone to write, with every folder above them, and the module lies in no PKI directory. A clause.
 *
 * @param record the path of the record
 */
async function whyNotLoadable(
  files: DurableFiles,
  { directory, record, module }: { readonly directory: string; readonly record: string; readonly module: string },
): Promise<string | null> {
  if (!isAbsolute(module)) return 'it is not an absolute path'
  for (const path of [directory, record, module]) {
    const reason = await files.whyForeignPath(path)
    if (reason !== null) return reason
  }
  return (await files.whyForeignMount(module)) ?? whyInside(files, module, directory)
}

/** A PKI directory is data, whoever it belongs to; and what is in /proc can be another file than the one its name shows. */
async function whyInside(files: DurableFiles, module: string, directory: string): Promise<string | null> {
  const real = (await files.realPath(module)) ?? module
  for (const path of [...foldersOver(module), ...foldersOver(real)]) {
    if (path === '/proc') return 'it is in /proc'
    const isPki = path === directory || (await hasAny(files, path, [OWN_FOLDER, PKI_FILES.rootCertificate]))
    if (isPki) return `it is inside the PKI directory ${path}`
  }
  return null
}

function foldersOver(path: string): readonly string[] {
  const above = dirname(path)
  return above === path ? [] : [...foldersOver(above), above]
}

async function hasAny(files: DurableFiles, folder: string, names: readonly string[]): Promise<boolean> {
  const kinds = await Promise.all(names.map((name) => files.kindOf(join(folder, name))))
  return kinds.some((kind) => kind !== null)
}
