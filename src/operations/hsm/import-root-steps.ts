import { PKI_FILES } from '../../directory/names.js'
import type { TokenKeyRef } from '../../directory/records.js'
import type { KeepWork } from '../../journal/keep-records.js'
import { type AllSteps, steps } from '../../journal/steps.js'
import { newRootKeyName, ROOT_KEY } from '../../keystore/labels.js'
import { proveSigner } from '../../keystore/prove.js'
import type { RootSigner } from '../../keystore/root-key.js'
import { keyExists, nameOf, type TokenKeys } from '../../keystore/token-keys.js'
import { attributeValues } from '../../pki/name.js'
import { sameSpki } from '../../pki/public-key.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { HsmChoice, KeyName } from '../../ports.js'
import type { KeyMaterial } from '../../signer/open-key.js'
import { findKey, findKeyByPublicKey, isLabelTaken, requireKey } from '../../signer/pkcs11/key.js'
import { importKeyPair, importPublicKey } from '../../signer/pkcs11/make-key.js'

/** The options of `ca import-root`. */
export interface ImportRootOptions {
  /** Absolute path. */
  readonly directory: string
  readonly hsm: HsmChoice
  /** Remove factory_ca.key once the token has signed with the key. */
  readonly removeKey: boolean
  /** The Factory API's name, for a directory of fioctl. */
  readonly api: string
}

/** The root key in the directory; `material` is null when an interrupted run has removed the file already. */
export interface RootOnDisk {
  readonly material: KeyMaterial | null
  readonly certificate: Certificate
}

/** What the steps work with. */
export interface ImportWork extends RootOnDisk, KeepWork {
  readonly options: ImportRootOptions
  readonly tokenKeys: TokenKeys
}

export const IMPORT_ROOT = 'ca import-root'

/** The name of the step that removes factory_ca.key. */
export const REMOVE_KEY = 'removeKey'

const IMPORT = steps<ImportWork, typeof IMPORT_ROOT>()
  .step({ name: 'token', says: 'Importing the root key into the token', run: putRootKey })
  .step({ name: 'proof', says: 'Signing a test message with it', run: proveRootKey })
  .step({ name: 'state', says: 'Recording its location', run: remember })

/** The steps of `ca import-root`. */
export function importSteps({
  removeKey,
}: Pick<ImportRootOptions, 'removeKey'>): AllSteps<ImportWork, typeof IMPORT_ROOT> {
  return removeKey ? IMPORT.step({ name: REMOVE_KEY, says: 'Removing factory_ca.key', run: removeKeyFile }) : IMPORT
}

/** The root key in the open token, for the last step. */
export function signerIn(tokenKeys: TokenKeys, { certificate }: Pick<RootOnDisk, 'certificate'>): RootSigner {
  const ref = () => rootKeyRef(tokenKeys, { certificate })
  return {
    open: async () => tokenKeys.open(ref(), certificate.spki),
    reference: async () => ref(),
    close: tokenKeys.close,
  }
}

/** The root key as state.json records it. Throws ERR_HSM_KEY when it is not in the token. */
export function rootKeyRef(
  tokenKeys: TokenKeys,
  { certificate: { spki } }: Pick<RootOnDisk, 'certificate'>,
): TokenKeyRef {
  return tokenKeys.find(keyFor(tokenKeys, spki), spki)
}

/**
 * The name of the root key in the token, or of a key that may be it if the token hides its public key; else the name under which
 * to import it. Without a given name, only a key that is certain to be it is used.
 */
function keyFor({ token, choice: { key } }: TokenKeys, spki: Uint8Array): KeyName {
  const shown = findKeyByPublicKey(token, key, spki)
  if (shown !== null) return nameOf(shown)
  const name = key.label === null && key.id === null ? { label: ROOT_KEY.label, id: null } : key
  const existing = findKey(token, name, spki)
  return existing === null ? newRootKeyName(name) : nameOf(existing)
}

/** Before anything is written. Throws ERR_EXISTS. */
export function refuseOther(tokenKeys: TokenKeys, { certificate: { spki } }: RootOnDisk): void {
  const { token } = tokenKeys
  const key = keyFor(tokenKeys, spki)
  if (!isLabelTaken(token, key)) return
  const existing = requireKey(token, key)
  if (existing.spki !== null && !sameSpki(existing.spki, spki)) throw keyExists(token, key)
}

async function proveRootKey({ rootSigner, tokenKeys }: ImportWork): Promise<void> {
  if (rootSigner !== null) await proveSigner(await rootSigner.open(), tokenKeys.token.name)
}

/** An earlier run may have been interrupted between the two halves of the key, or after them. */
async function putRootKey(work: ImportWork): Promise<void> {
  const { tokenKeys, material, certificate } = work
  const { token } = tokenKeys
  const key = keyFor(tokenKeys, certificate.spki)
  if (material === null) return
  if (!isLabelTaken(token, key)) {
    importKeyPair(token, key, material)
    return
  }
  // Before importing a public half: a private key without one may be another key.
  await proveRootKey(work)
  importPublicKey(token, key, material)
}

async function remember({ directory, certificate, options, tokenKeys, auditLog }: ImportWork): Promise<void> {
  const state = await directory.readState()
  const factory = state?.factory ?? attributeValues(certificate.subject, 'OU')[0] ?? ''
  const { restored: _, ...newState } = {
    version: 1 as const,
    api: options.api,
    ...state,
    factory,
    rootKey: rootKeyRef(tokenKeys, { certificate }),
  }
  await directory.writeState(newState)
  await auditLog.logEvent(`The root key was imported into ${tokenKeys.token.name.replace(/^The/, 'the')}.`)
}

async function removeKeyFile({ directory, auditLog }: ImportWork): Promise<void> {
  await auditLog.logEvent('Removing factory_ca.key from the directory, its snapshots and its abandoned files.')
  await directory.removeFromSnapshots(PKI_FILES.rootKey, 'of-root')
  await directory.removeRootKey()
}
