import { PKI_FILES } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { Journal } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { CreatePkiOptions, CreatePkiPorts } from './create-preconditions.js'
import { LOCAL_CA_KEY } from './key-labels.js'
import { fileKey, type PrivateKey } from './private-key.js'
import type { RootSigner } from './root-signer.js'

/** The private keys that `ca create` makes, wherever they are to be. */
export interface CreateKeys {
  readonly root: PrivateKey
  readonly localCa: PrivateKey
  /** Throws ERR_EXISTS when a token has one of the keys, and not from an interrupted run of this command. */
  refuseTaken(journal: Journal | null): Promise<void>
  close(): Promise<void>
}

/** Opens the token, when the root key is to be in one: before anything is made, so that a wrong PIN leaves nothing. */
export async function createKeys(
  directory: PkiDirectory,
  { hsm, keyType = 'P-256', localCa, localCaInHsm = false }: CreatePkiOptions,
  { random, progress, makeCryptoki }: CreatePkiPorts,
): Promise<CreateKeys> {
  const localCaFile = fileKey(directory, PKI_FILES.localCaKey, random)
  if (hsm === undefined) {
    const root = fileKey(directory, PKI_FILES.rootKey, random)
    return { root, localCa: localCaFile, refuseTaken: async () => undefined, close: async () => undefined }
  }
  if (localCaInHsm && (!localCa || hsm.key.label === LOCAL_CA_KEY.label)) throw noPlaceForLocalCa(localCa)
  const { holdToken, keyExists, otherToken, tokenKey } = await import('./token-keys.js')
  const holder = holdToken(hsm, progress, makeCryptoki)
  const token = await holder.open()
  const inToken = localCa && localCaInHsm
  const root = tokenKey(directory, holder, {
    key: hsm.key,
    certificate: PKI_FILES.rootCertificate,
    curve: keyType,
    mustStay: true,
  })
  const localCaOrder = {
    key: LOCAL_CA_KEY,
    certificate: PKI_FILES.localCaCertificate,
    curve: 'P-256',
    mustStay: true,
  } as const
  const localCaKey = inToken ? tokenKey(directory, holder, localCaOrder) : localCaFile
  return {
    root,
    localCa: localCaKey,
    refuseTaken: async (journal) => {
      const begun = journal === null ? null : ((await directory.readState())?.rootKey ?? null)
      if (begun?.kind === 'pkcs11' && begun.tokenSerial !== token.token.serial) throw otherToken(token, begun)
      if (!isBegun(journal, 'root-key') && (await root.exists())) throw keyExists(token, hsm.key)
      if (inToken && !isBegun(journal, 'local-ca-key') && (await localCaKey.exists()))
        throw keyExists(token, LOCAL_CA_KEY)
    },
    close: holder.close,
  }
}

function noPlaceForLocalCa(localCa: boolean): FpkiError {
  const reason = localCa
    ? `its label, "${LOCAL_CA_KEY.label}", is the one of the root key`
    : 'there is to be no local-ca'
  return new FpkiError('ERR_USAGE', `local-ca cannot be in the token: ${reason}.`, 'Leave --local-ca-in-hsm out.')
}

function isBegun(journal: Journal | null, step: string): boolean {
  return journal?.steps.some(({ name, state }) => name === step && state !== 'pending') ?? false
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
