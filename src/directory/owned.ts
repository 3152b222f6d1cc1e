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

/** The part of a PKI directory that checks ownership. */
export interface OwnedDirectory {
  /**
   * Checks that only its owner can change the directory, fpki's folder in it and the records there. Throws
   * ERR_NOT_A_DIRECTORY or ERR_PERMISSIONS, also when everybody can rename a folder above.
   */
  check(): Promise<'ready' | 'missing'>
  /** Why a PKCS#11 module named in a record must not be loaded, as a clause; null when it may. */
  whyNotLoadable(record: 'state' | 'journal', module: string): Promise<string | null>
  /** Other users who could replace this directory, one sentence each. */
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

/** Why other users could have changed the PKI directory at `path` or its records, as a clause; null when they could not. */
export async function whyForeignDirectory(files: DurableFiles, path: string): Promise<string | null> {
  for (const place of [path, ...ownFolders(path), ...ownRecords(path)]) {
    const reason = await files.whyForeign(place)
    if (reason !== null) return reason
  }
  return null
}

/**
 * Why a PKCS#11 module named in a record of a PKI directory must not be loaded, as a clause; null when it may. Only this user
 * and root may be able to write to directory, record, module and all folders above, and the module must not be inside a PKI
 * directory.
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

/** A PKI directory is data, not code; and a path in /proc may refer to another file. */
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
