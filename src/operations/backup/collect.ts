import { join } from 'node:path'
import { OWN_FILES, OWN_FOLDER, PKI_FILES } from '../../directory/names.js'
import type { DirectoryState } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { factoryFolder, readState } from '../../factory/embedded/state.js'
import type { OpenPki } from '../../issuance/open-pki.js'
import { tokenKeyName } from '../../keystore/labels.js'
import { samePem } from '../../pki/pem.js'
import type { DurableFiles } from '../../ports.js'
import type { ArchiveEntry } from '../../storage/archive.js'
import { readTree } from '../../storage/tree.js'
import { ARCHIVE, type BackupManifest, sha256 } from './manifest.js'

/** What a backup holds, and what it says of it. */
export interface Collected {
  readonly entries: readonly ArchiveEntry[]
  readonly facts: Pick<
    BackupManifest,
    'factory' | 'api' | 'directory' | 'rootFingerprint' | 'rootKey' | 'embedded' | 'unfinished' | 'notHeld'
  >
}

/**
 * Reads all that a backup of a PKI holds. The caller has the directory's lock.
 *
 * @param stateDirectory where the embedded Factory API keeps its factories; null: it is not the one that is chosen
 * @throws FpkiError ERR_BAD_FILE, ERR_STORAGE, ERR_LOCKED when somebody is at work on the embedded factory
 */
export async function collect(files: DurableFiles, pki: OpenPki, stateDirectory: string | null): Promise<Collected> {
  const { directory, root, factory } = pki
  const own = `${OWN_FOLDER}/${OWN_FILES.backup}`
  const inDirectory = await readTree(files, directory.path, ARCHIVE.pki, [own])
  const state = await directory.readState()
  const journal = await directory.readJournal()
  const embedded = await embeddedEntries(files, pki, stateDirectory ?? embeddedIn(state))
  const hasKey = inDirectory.some(({ path }) => path === `${ARCHIVE.pki}/${PKI_FILES.rootKey}`)
  const rootKey = hasKey ? ({ kind: 'file', name: PKI_FILES.rootKey } as const) : tokenOf(state)
  const api = state?.api ?? null
  return {
    entries: [...inDirectory, ...embedded],
    facts: {
      factory,
      api,
      directory: directory.path,
      rootFingerprint: sha256(root.der),
      rootKey,
      embedded: embedded.length > 0,
      unfinished: journal !== null && journal.finishedAt === null ? journal.command : null,
      notHeld: [...tokens(rootKey, state?.localCaKey), ...(embedded.length > 0 ? [] : [notItsKeys(api)])],
    },
  }
}

/** Where the root key is when it is in no file; null: nothing says it, or the file is gone. */
function tokenOf(state: DirectoryState | null): BackupManifest['rootKey'] {
  return state?.rootKey.kind === 'pkcs11' ? state.rootKey : null
}

/** The state directory that the PKI directory's record names. */
function embeddedIn(state: DirectoryState | null): string | null {
  return /^embedded \((\/.*)\)$/.exec(state?.api ?? '')?.[1] ?? null
}

/** The folder of the embedded factory, when it is the one that knows this PKI. */
async function embeddedEntries(
  files: DurableFiles,
  { root, factory }: OpenPki,
  stateDirectory: string | null,
): Promise<readonly ArchiveEntry[]> {
  if (stateDirectory === null) return []
  const folder = factoryFolder(stateDirectory, factory)
  const known = (await readState(files, folder, factory))?.certificates?.rootCrt
  if (!samePem(known, root.x509.toString())) return []
  await files.checkDirectory(folder)
  const lock = await files.lock(join(folder, 'lock'))
  if (lock === null) throw busy(factory)
  try {
    const above = { path: ARCHIVE.factories, kind: 'directory', mode: 0o700, content: new Uint8Array() } as const
    return [above, ...(await readTree(files, folder, `${ARCHIVE.factories}/${factory}`))]
  } finally {
    await lock.release()
  }
}

function tokens(rootKey: BackupManifest['rootKey'], localCaKey: DirectoryState['localCaKey']): readonly string[] {
  const hint = 'back the token up with the tool of its maker, if it has one.'
  if (rootKey === null)
    return [
      `${PKI_FILES.rootKey} is not in the directory: keep it where it is, with a copy; if it is in a token, ${hint}`,
    ]
  const named = [
    ...(rootKey.kind === 'pkcs11' ? [rootKey] : []),
    ...(localCaKey?.kind === 'pkcs11' ? [localCaKey] : []),
  ]
  return named.map(
    (key) =>
      `The key ${tokenKeyName(key)} is in the token "${key.tokenLabel}" (serial ${key.tokenSerial}), which it never leaves: ${hint}`,
  )
}

function notItsKeys(api: string | null): string {
  return `The keys of tls-crt and online-ca are the Factory API's${api === null ? '' : `, ${api}`}.`
}

function busy(factory: string): FpkiError {
  const text = `Another fpki is at work on the embedded factory ${factory}.`
  return new FpkiError('ERR_LOCKED', text, 'Wait until it has ended, and run the same command again.')
}
