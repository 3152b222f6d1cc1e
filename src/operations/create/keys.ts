import type { Journal } from '../../directory/journal-record.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import type { KeyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { keyFiles, newPassphrase } from '../../keystore/key-files.js'
import { type KeyStore, keyStore, type NewKey } from '../../keystore/key-store.js'
import { LOCAL_CA_KEY, newRootKeyName } from '../../keystore/labels.js'
import type { RootSigner } from '../../keystore/root-key.js'
import type { TokenKeys } from '../../keystore/token-keys.js'
import type { HsmChoice, KeyName, Signer } from '../../ports.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import type { ExistingRoot } from './existing-root.js'
import { encryptionOf, hsmOf, type KeyPlaces } from './options.js'
import type { CreatePkiPorts } from './preconditions.js'

/** The private keys of a PKI that is being created, in files or in a token. */
export interface CreateKeys {
  readonly store: KeyStore
  readonly root: KeyRef
  readonly newRoot: NewKey
  /** null: no local-ca. */
  readonly localCa: KeyRef | null
  readonly newLocalCa: NewKey
  openRoot(): Promise<Signer>
  /** Throws ERR_EXISTS when a token has one of the keys, and not from an interrupted run of this command. */
  refuseTaken(journal: Journal | null): Promise<void>
}

type KeysPorts = Pick<
  CreatePkiPorts,
  'random' | 'passphraseRounds' | 'passphrases' | 'login' | 'progress' | 'makeCryptoki'
>

/**
 * Finds the place of each key, and opens the token where one holds the root key: before anything is made, so that a wrong PIN
 * leaves nothing.
 *
 * @param existingRoot null: a new root is created
 */
export async function openCreateKeys(
  directory: PkiDirectory,
  places: KeyPlaces,
  existingRoot: ExistingRoot | null,
  ports: KeysPorts,
): Promise<CreateKeys> {
  const files = keyFiles(directory, ports, ports.passphrases)
  const hsm = hsmOf(places.root)
  if (hsm !== null) return openKeysInToken(directory, places, existingRoot, { hsm, files }, ports)
  const store = keyStore(files, null)
  const root: KeyRef = { kind: 'file', name: PKI_FILES.rootKey }
  return {
    store,
    root,
    newRoot: newRootKey(places, existingRoot),
    localCa: places.localCa.kind === 'none' ? null : LOCAL_CA_FILE,
    newLocalCa: newLocalCaKey(places),
    openRoot: () => store.open(root),
    refuseTaken: async () => undefined,
  }
}

const LOCAL_CA_FILE: KeyRef = { kind: 'file', name: PKI_FILES.localCaKey }

function newRootKey(places: KeyPlaces, existingRoot: ExistingRoot | null): NewKey {
  const { root } = places
  const curve = root.kind === 'new-token' && root.curve !== undefined ? { curve: root.curve } : {}
  return { ...curve, encrypt: encryptionOf(places).root === true, pem: existingRoot?.key?.pem }
}

function newLocalCaKey(places: KeyPlaces): NewKey {
  return { curve: 'P-256', encrypt: encryptionOf(places).localCa === true }
}

async function openKeysInToken(
  directory: PkiDirectory,
  places: KeyPlaces,
  existingRoot: ExistingRoot | null,
  { hsm, files }: { readonly hsm: HsmChoice; readonly files: ReturnType<typeof keyFiles> },
  { login, progress, makeCryptoki }: KeysPorts,
): Promise<CreateKeys> {
  const { localCa } = places
  if (localCa.kind === 'token' && hsm.key.label === LOCAL_CA_KEY.label) throw labelOfLocalCa()
  const newName = existingRoot === null ? newRootKeyName(hsm.key) : null
  const { certifiedKey, openTokenKeys } = await import('../../keystore/token-keys.js')
  const tokenKeys = await openTokenKeys(hsm, { ...progress, login, makeCryptoki })
  try {
    const certified = async () => certifiedKey(directory, PKI_FILES.rootCertificate)
    const rootSpki = existingRoot === null ? certified : async () => existingRoot.certificate.spki
    await requireMechanismsFor(tokenKeys, places)
    const root = newName ? tokenKeys.refTo(newName) : tokenKeys.find(hsm.key, await rootSpki())
    const store = keyStore(files, tokenKeys)
    return {
      store,
      root,
      newRoot: newRootKey(places, existingRoot),
      localCa: localCaRef(localCa, tokenKeys),
      newLocalCa: newLocalCaKey(places),
      openRoot: async () => store.open(root, await rootSpki()),
      refuseTaken: (journal) => refuseTaken(directory, places, newName, tokenKeys, journal),
    }
  } catch (error) {
    await tokenKeys.close()
    throw error
  }
}

function localCaRef({ kind }: KeyPlaces['localCa'], tokenKeys: TokenKeys): KeyRef | null {
  if (kind === 'none') return null
  return kind === 'token' ? tokenKeys.refTo(LOCAL_CA_KEY) : LOCAL_CA_FILE
}

/** Throws ERR_HSM_KEY when the token cannot generate the new keys. */
async function requireMechanismsFor({ token }: TokenKeys, { root, localCa }: KeyPlaces): Promise<void> {
  const { requireMechanisms } = await import('../../signer/pkcs11/mechanisms.js')
  if (root.kind === 'new-token') requireMechanisms(token, { curve: root.curve ?? 'P-256', isNew: true })
  if (localCa.kind === 'token') requireMechanisms(token, { curve: 'P-256', isNew: true })
}

async function refuseTaken(
  directory: PkiDirectory,
  { localCa }: KeyPlaces,
  newRootName: KeyName | null,
  tokenKeys: TokenKeys,
  journal: Journal | null,
): Promise<void> {
  const { keyExists, otherToken } = await import('../../keystore/token-keys.js')
  const { token } = tokenKeys
  const begun = journal === null ? null : ((await directory.readState())?.rootKey ?? null)
  if (begun?.kind === 'pkcs11' && begun.tokenSerial !== token.token.serial) throw otherToken(token, begun)
  const requireFree = async (name: KeyName) => {
    if (!isBegun(journal) && (await tokenKeys.exists(tokenKeys.refTo(name)))) throw keyExists(token, name)
  }
  if (newRootName !== null) await requireFree(newRootName)
  if (localCa.kind === 'token') await requireFree(LOCAL_CA_KEY)
}

/** The first step creates the keys. */
function isBegun(journal: Journal | null): boolean {
  return journal !== null && journal.steps[0]?.state !== 'pending'
}

/**
 * Checks, before anything is written, that the passphrase is good enough for new keys and opens those of an earlier run.
 * Throws ERR_PASSPHRASE; ERR_EXISTS when a key exists unencrypted.
 */
export async function checkPassphrase(
  directory: PkiDirectory,
  { store, root, localCa }: CreateKeys,
  places: KeyPlaces,
  { passphrases }: Pick<CreatePkiPorts, 'passphrases'>,
): Promise<void> {
  const encryption = encryptionOf(places)
  const toEncrypt = [...(encryption.root ? [root] : []), ...(encryption.localCa && localCa !== null ? [localCa] : [])]
  for (const ref of toEncrypt) {
    const pem = ref.kind === 'file' ? await directory.read(ref.name) : null
    if (ref.kind !== 'file' || pem === null) continue
    if (!isEncryptedKey(pem, `${directory.path}/${ref.name}`)) throw inTheClear(directory, ref.name)
    await store.open(ref)
  }
  if (toEncrypt.length > 0) await newPassphrase(passphrases)
}

function labelOfLocalCa(): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `The key of local-ca cannot go into the token: its label, "${LOCAL_CA_KEY.label}", is that of the root key.`,
    'Keep the key of local-ca in a file, or use another label for the root key.',
    { option: 'localCa.kind' },
  )
}

function inTheClear({ path }: PkiDirectory, file: string): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `${path}/${file} already exists, and is not encrypted.`,
    'Encrypt it yourself first, for example with `openssl pkcs8 -topk8 -iter 600000`, or omit the encryption.',
    { option: file === PKI_FILES.rootKey ? 'root.encrypt' : 'localCa.encrypt' },
  )
}

/** The root key of {@link CreateKeys}, for issuing certificates. */
export function rootSignerFrom({ root, store, openRoot }: CreateKeys): RootSigner {
  let signer: Promise<Signer> | null = null
  return {
    open: () => {
      signer ??= openRoot()
      return signer
    },
    reference: async () => root,
    close: store.close,
  }
}
