import { join } from 'node:path'
import { REGISTER_SUFFIXES } from '../../devices/open.js'
import { readKitRecord } from '../../directory/kit-record.js'
import { DEVICE_REGISTER, OWN_FILES, OWN_FOLDER, PKI_FILES } from '../../directory/names.js'
import type { DirectoryState } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { factoryFolder, readState } from '../../factory/embedded/state.js'
import { tokenKeyName } from '../../keystore/labels.js'
import { samePem } from '../../pki/pem.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import { sameRoot } from '../../pki/same-root.js'
import type { DurableFiles } from '../../ports.js'
import { sha256 } from '../../sha256.js'
import type { ArchiveEntry, LargeEntry } from '../../storage/archive.js'
import { readTree } from '../../storage/tree.js'
import type { OpenPki } from '../open-pki.js'
import { type CopyPorts, collectRegister } from './collect-register.js'
import { ARCHIVE, type BackupManifest } from './manifest.js'

/** The entries of a backup, and the facts for its manifest. */
export interface BackupContents {
  readonly entries: readonly (ArchiveEntry | LargeEntry)[]
  readonly facts: Pick<
    BackupManifest,
    'factory' | 'api' | 'directory' | 'rootFingerprint' | 'rootKey' | 'embedded' | 'devices' | 'unfinished' | 'notHeld'
  >
}

/**
 * Reads everything that goes into a backup of a PKI. The caller holds the lock of the directory, and removes the copy of the
 * device register with `removeRegisterCopy`.
 *
 * @param withDevices whether to include the device register
 * @param stateDirectory of the embedded Factory API; null: another Factory API is selected
 * @throws FpkiError ERR_BAD_FILE, ERR_STORAGE, ERR_LOCKED when the embedded factory is in use
 */
export async function collectContents(
  pki: OpenPki,
  { stateDirectory, withDevices }: { readonly stateDirectory: string | null; readonly withDevices: boolean },
  ports: CopyPorts,
): Promise<BackupContents> {
  const { files } = ports
  const { directory, root, factory } = pki
  const own = `${OWN_FOLDER}/${OWN_FILES.backup}`
  const register = REGISTER_SUFFIXES.map((suffix) => `${DEVICE_REGISTER}${suffix}`)
  // Of no use to anybody who has the register that was moved.
  const retired = (await directory.names()).filter((name) => name.startsWith(`${DEVICE_REGISTER}.moved-`))
  const inDirectory = await readTree(files, directory.path, ARCHIVE.pki, [own, ...register, ...retired])
  const state = await directory.readState()
  const journal = await directory.readJournal()
  const embedded = await embeddedEntries(files, pki, stateDirectory ?? embeddedStateIn(state))
  const hasKey = inDirectory.some(({ path }) => path === `${ARCHIVE.pki}/${PKI_FILES.rootKey}`)
  const rootKey = hasKey ? ({ kind: 'file', name: PKI_FILES.rootKey } as const) : tokenOf(state)
  const api = state?.api ?? null
  // After the audit log, so that the copy is not older than what that says of the register.
  const devices = await collectRegister(directory.path, withDevices, ports)
  return {
    entries: [...inDirectory, ...(devices.entry === null ? [] : [devices.entry]), ...embedded],
    facts: {
      factory,
      api,
      directory: directory.path,
      rootFingerprint: sha256(root.der),
      rootKey,
      embedded: embedded.length > 0,
      devices: devices.facts,
      unfinished: journal !== null && journal.finishedAt === null ? journal.command : null,
      notHeld: [
        ...((await readKitRecord(directory)) === null ? tokenNotes(rootKey, state?.localCaKey) : [KIT_NOTE]),
        ...(embedded.length > 0 ? [] : [apiKeysNote(api)]),
        ...devices.notes,
      ],
    },
  }
}

/** The token with the root key, when there is no key file; null: none is recorded, or the file is missing. */
function tokenOf(state: DirectoryState | null): BackupManifest['rootKey'] {
  return state?.rootKey.kind === 'pkcs11' ? state.rootKey : null
}

/** The state directory of the embedded Factory API that the PKI directory records. */
function embeddedStateIn(state: DirectoryState | null): string | null {
  return /^embedded \((\/.*)\)$/.exec(state?.api ?? '')?.[1] ?? null
}

/** The folder of the embedded factory, if it has the root of this PKI. */
async function embeddedEntries(
  files: DurableFiles,
  { root, factory }: OpenPki,
  stateDirectory: string | null,
): Promise<readonly ArchiveEntry[]> {
  if (stateDirectory === null) return []
  const folder = factoryFolder(stateDirectory, factory)
  const rootCrt = (await readState(files, folder, factory))?.certificates?.rootCrt
  if (!rootCrt) return []
  const isSame = samePem(rootCrt, root.x509.toString()) || sameRoot(readPemCertificate(rootCrt, 'root-crt'), root)
  if (!isSame) return []
  await files.checkDirectory(folder)
  const lock = await files.lock(join(folder, 'lock'))
  if (lock === null) throw factoryLocked(factory)
  try {
    const parent = { path: ARCHIVE.factories, kind: 'directory', mode: 0o700, content: new Uint8Array() } as const
    return [parent, ...(await readTree(files, folder, `${ARCHIVE.factories}/${factory}`))]
  } finally {
    await lock.release()
  }
}

const KIT_NOTE = 'A kit has no root key.'

function tokenNotes(rootKey: BackupManifest['rootKey'], localCaKey: DirectoryState['localCaKey']): readonly string[] {
  const hint = "Back up the token with its vendor's tool, if there is one."
  if (rootKey === null)
    return [`${PKI_FILES.rootKey} is not in the directory. Keep a copy of it. If the key is in a token: ${hint}`]
  const keys = [...(rootKey.kind === 'pkcs11' ? [rootKey] : []), ...(localCaKey?.kind === 'pkcs11' ? [localCaKey] : [])]
  return keys.map(
    (key) =>
      `The key ${tokenKeyName(key)} never leaves the token "${key.tokenLabel}" (serial ${key.tokenSerial}). ${hint}`,
  )
}

function apiKeysNote(api: string | null): string {
  return `The keys of tls-crt and online-ca are held by the Factory API${api === null ? '' : ` ${api}`}.`
}

function factoryLocked(factory: string): FpkiError {
  const text = `The embedded factory ${factory} is locked by another fpki process.`
  return new FpkiError('ERR_LOCKED', text, 'Wait for it to finish, then run the command again.')
}
