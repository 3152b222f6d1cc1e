import type { Journal } from '../../directory/journal-record.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { LOCAL_CA_KEY, newRootKeyName } from '../../keystore/labels.js'
import { fileKey, newPassphrase, type PrivateKey } from '../../keystore/private-key.js'
import type { RootSigner } from '../../keystore/root-key.js'
import type { TokenHolder } from '../../keystore/token-key.js'
import type { Curve, EncryptionPorts, HsmChoice, KeyName } from '../../ports.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import type { GivenRoot } from './existing-root.js'
import type { CreatePkiPorts, KeyOptions } from './preconditions.js'

/** The private keys that `ca create` makes, wherever they are to be. */
export interface CreateKeys {
  readonly root: PrivateKey
  readonly localCa: PrivateKey
  /** Throws ERR_EXISTS when a token has one of the keys, and not from an interrupted run of this command. */
  refuseTaken(journal: Journal | null): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the token, when the root key is to be in one: before anything is made, so that a wrong PIN leaves nothing.
 *
 * @param given the root that comes from elsewhere; null: it is made
 */
export async function createKeys(
  directory: PkiDirectory,
  { hsm, keyType = 'P-256', localCa, localCaInHsm = false, encryptKeys = false, passphrases }: KeyOptions,
  ports: Pick<CreatePkiPorts, keyof EncryptionPorts | 'progress' | 'makeCryptoki'>,
  given: GivenRoot | null,
): Promise<CreateKeys> {
  const keeping = { passphrases, encrypt: encryptKeys }
  const localCaFile = fileKey(directory, PKI_FILES.localCaKey, ports, keeping)
  if (hsm === undefined) {
    if (localCaInHsm) throw noToken()
    const root = fileKey(directory, PKI_FILES.rootKey, ports, { ...keeping, given: given?.key?.pem })
    return { root, localCa: localCaFile, refuseTaken: async () => undefined, close: async () => undefined }
  }
  const inToken = localCa && localCaInHsm
  checkTokenOptions(hsm, { localCa, localCaInHsm, encryptKeys })
  const root = given === null ? { newKey: newRootKeyName(hsm.key) } : { given }
  const { holdToken } = await import('../../keystore/token-key.js')
  const holder = holdToken(hsm, ports.progress, ports.makeCryptoki)
  await holder.open()
  try {
    return await keysInToken(directory, holder, { root, keyType, localCa: inToken ? null : localCaFile })
  } catch (error) {
    await holder.close()
    throw error
  }
}

/** Throws ERR_USAGE for what contradicts a root key in a token. */
function checkTokenOptions(
  { key }: HsmChoice,
  { localCa, localCaInHsm, encryptKeys }: Required<Pick<KeyOptions, 'localCa' | 'localCaInHsm' | 'encryptKeys'>>,
): void {
  if (localCaInHsm && (!localCa || key.label === LOCAL_CA_KEY.label)) throw noPlaceForLocalCa(localCa)
  if (encryptKeys && (!localCa || localCaInHsm)) throw nothingToEncrypt()
}

/** The keys that go into an open token. `localCa` is its key file; null: that key goes into the token too. */
async function keysInToken(
  directory: PkiDirectory,
  holder: TokenHolder,
  { root, keyType, localCa }: TokenOrder,
): Promise<CreateKeys> {
  const { existingTokenKey, keyExists, newTokenKey, otherToken } = await import('../../keystore/token-key.js')
  const { requireMechanisms } = await import('../../signer/pkcs11/mechanisms.js')
  const token = holder.token()
  const certificate = PKI_FILES.rootCertificate
  const { newKey, given } = root
  if (newKey) requireMechanisms(token, { curve: keyType, isNew: true })
  if (localCa === null) requireMechanisms(token, { curve: 'P-256', isNew: true })
  const rootKey = newKey
    ? newTokenKey(directory, holder, { key: newKey, certificate, curve: keyType })
    : await existingTokenKey(directory, holder, { key: holder.choice.key, certificate, spki: given.certificate.spki })
  const localCaOrder = { key: LOCAL_CA_KEY, certificate: PKI_FILES.localCaCertificate, curve: 'P-256' } as const
  const localCaKey = localCa ?? newTokenKey(directory, holder, localCaOrder)
  return {
    root: rootKey,
    localCa: localCaKey,
    refuseTaken: async (journal) => {
      const begun = journal === null ? null : ((await directory.readState())?.rootKey ?? null)
      if (begun?.kind === 'pkcs11' && begun.tokenSerial !== token.token.serial) throw otherToken(token, begun)
      if (newKey && !isBegun(journal) && (await rootKey.exists())) throw keyExists(token, newKey)
      if (localCa === null && !isBegun(journal) && (await localCaKey.exists())) throw keyExists(token, LOCAL_CA_KEY)
    },
    close: holder.close,
  }
}

interface TokenOrder {
  readonly root:
    | { readonly newKey: KeyName; readonly given?: never }
    | { readonly given: GivenRoot; readonly newKey?: never }
  readonly keyType: Curve
  readonly localCa: PrivateKey | null
}

/**
 * Before anything is written: the passphrase is good enough for new keys, and opens those that an earlier run has made.
 * Throws ERR_PASSPHRASE; ERR_EXISTS when a key is there in the clear.
 */
export async function checkPassphrase(
  directory: PkiDirectory,
  { root, localCa }: Pick<CreateKeys, 'root' | 'localCa'>,
  { encryptKeys, passphrases }: KeyOptions,
): Promise<void> {
  if (!encryptKeys) return
  for (const { reference, open } of [root, localCa]) {
    const pem = reference.kind === 'file' ? await directory.read(reference.name) : null
    if (reference.kind !== 'file' || pem === null) continue
    if (!isEncryptedKey(pem, `${directory.path}/${reference.name}`)) throw inTheClear(directory, reference.name)
    await open()
  }
  await newPassphrase(passphrases)
}

function noPlaceForLocalCa(localCa: boolean): FpkiError {
  const reason = localCa
    ? `its label, "${LOCAL_CA_KEY.label}", is the one of the root key`
    : 'there is to be no local-ca'
  return new FpkiError('ERR_USAGE', `local-ca cannot be in the token: ${reason}.`, 'Leave --local-ca-in-hsm out.')
}

function noToken(): FpkiError {
  const text = '--local-ca-in-hsm is for keys in an HSM, and no HSM is named.'
  return new FpkiError('ERR_USAGE', text, 'Name it with --hsm-module and --hsm-token-label, or leave this flag out.')
}

function nothingToEncrypt(): FpkiError {
  const text = '--encrypt-keys is for key files, and every key is to be in the token.'
  return new FpkiError('ERR_USAGE', text, 'Leave --encrypt-keys out.')
}

function inTheClear({ path }: PkiDirectory, file: string): FpkiError {
  const text = `${path}/${file} is there already, and in the clear.`
  const hint = 'Leave --encrypt-keys out, or encrypt it yourself first: `openssl pkcs8 -topk8 -iter 600000` does.'
  return new FpkiError('ERR_EXISTS', text, hint)
}

/** The first step makes the keys. */
function isBegun(journal: Journal | null): boolean {
  return journal !== null && journal.steps[0]?.state !== 'pending'
}

/** The root key of {@link CreateKeys} as the workplace wants it. */
export function rootSignerFrom({ root, close }: CreateKeys): RootSigner {
  let signer: ReturnType<PrivateKey['open']> | null = null
  return {
    open: () => {
      signer ??= root.open()
      return signer
    },
    reference: async () => root.reference,
    close,
  }
}
