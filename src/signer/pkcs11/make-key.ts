import type { Curve, KeyName } from '../../ports.js'
import type { KeyMaterial } from '../open-key.js'
import { type Attribute, CKA, CKK_EC, CKM, CKO, type Handle } from './cryptoki.js'
import { explainError, explainErrors, returnValue } from './errors.js'
import { flagOf, objectsOf, requireKey, type TokenKey, template } from './key.js'
import { keyError } from './key-errors.js'
import { keyName } from './key-name.js'
import { ecParameters } from './public-point.js'
import type { OpenToken } from './session.js'

/** The return values of tokens that refuse redundant attributes. */
const REFUSES_ATTRIBUTES = [
  'CKR_ATTRIBUTE_TYPE_INVALID',
  'CKR_ATTRIBUTE_VALUE_INVALID',
  'CKR_ATTRIBUTE_READ_ONLY',
  'CKR_TEMPLATE_INCONSISTENT',
]

/** The attributes of fpki's private keys, which never leave the token. */
function privateTemplate(label: string, id: Buffer): Attribute[] {
  return template(
    [CKA.token, true],
    // Visible only after login.
    [CKA.private, true],
    // The value can be neither read nor exported with a wrapping key.
    [CKA.sensitive, true],
    [CKA.extractable, false],
    [CKA.sign, true],
    [CKA.label, label],
    [CKA.id, id],
  )
}

/** Restricts the key to signing. Many tokens refuse some of these for EC keys, which cannot do the rest anyway. */
const SIGNS_ONLY = template([CKA.decrypt, false], [CKA.unwrap, false], [CKA.derive, false], [CKA.signRecover, false])

/** The same for the public key. */
const VERIFIES_ONLY = template([CKA.encrypt, false], [CKA.wrap, false])

function publicTemplate(label: string, id: Buffer, curve: Curve): Attribute[] {
  return template(
    [CKA.token, true],
    [CKA.private, false],
    [CKA.verify, true],
    [CKA.ecParams, ecParameters(curve)],
    [CKA.label, label],
    [CKA.id, id],
  )
}

/**
 * Generates an EC key pair in a token; the caller has checked that the label is free. Throws ERR_HSM_KEY when that fails, or
 * when the new key is extractable.
 */
export function generateKey(token: OpenToken, { label, id }: KeyName, curve: Curve): TokenKey {
  const keyId = Buffer.from(id, 'hex')
  const publicAttributes = publicTemplate(label, keyId, curve)
  const privateAttributes = privateTemplate(label, keyId)
  const generate = (isMinimal: boolean) => {
    const [forPublic, forPrivate] = isMinimal ? [[], []] : [VERIFIES_ONLY, SIGNS_ONLY]
    const publicKeyAttributes = [...publicAttributes, ...forPublic]
    const privateKeyAttributes = [...privateAttributes, ...forPrivate]
    const pair = token.cryptoki.C_GenerateKeyPair(
      token.session,
      { mechanism: CKM.ecKeyPairGen },
      publicKeyAttributes,
      privateKeyAttributes,
    )
    handles.push(pair.publicKey, pair.privateKey)
  }
  const handles: Handle[] = []
  withOptionalAttributes(token, generate)
  try {
    return requireNonExtractable(token, requireKey(token, { label, id }))
  } catch (error) {
    // It has signed nothing, and the next run must not use it.
    deleteKey(token, handles)
    throw error
  }
}

/**
 * Deletes the public key that an interrupted run left without its private key. Throws ERR_HSM_KEY for a private key without
 * its public key: fpki never deletes private keys.
 */
export function removeHalfKey(token: OpenToken, { label }: KeyName): void {
  const anyId = { label, id: null }
  const publicHalves = objectsOf(token, CKO.publicKey, anyId)
  const privateHalves = objectsOf(token, CKO.privateKey, anyId)
  if (privateHalves.length > 0 && publicHalves.length > 0) return
  if (privateHalves.length === 0) {
    const handles = publicHalves.map(({ handle }) => handle)
    deleteKey(token, handles)
    return
  }
  throw keyError(
    `${token.name} has only the private half of the key "${label}", left by an interrupted run.`,
    `It has signed nothing. Delete it with \`pkcs11-tool --login --delete-object --type privkey --label ${label}\`, then run the same command again.`,
  )
}

/** Imports an EC key pair, with the attributes of {@link generateKey}. An interruption may leave only the private key. */
export function importKeyPair(token: OpenToken, { label, id }: KeyName, material: KeyMaterial): TokenKey {
  const keyId = Buffer.from(id, 'hex')
  const { curve, scalar, point } = material
  const parameters = template([CKA.keyType, CKK_EC], [CKA.ecParams, ecParameters(curve)])
  const value = template([CKA.class, CKO.privateKey], [CKA.value, scalar])
  // NSS requires the point with the private key, in a vendor attribute.
  const nssAttributes = token.token.manufacturer.startsWith('Mozilla') ? template([CKA.nssDatabase, point]) : []
  create(token, [...value, ...parameters, ...nssAttributes, ...privateTemplate(label, keyId)], SIGNS_ONLY)
  return importPublicKey(token, { label, id }, material)
}

/** Imports the public key of a private key, unless it exists. */
export function importPublicKey(token: OpenToken, { label, id }: KeyName, { curve, point }: KeyMaterial): TokenKey {
  const keyId = Buffer.from(id, 'hex')
  if (objectsOf(token, CKO.publicKey, { label, id }).length === 0) {
    const publicKeyAttributes = template([CKA.class, CKO.publicKey], [CKA.keyType, CKK_EC], [CKA.ecPoint, point])
    create(token, [...publicKeyAttributes, ...publicTemplate(label, keyId, curve)], VERIFIES_ONLY)
  }
  return requireNonExtractable(token, requireKey(token, { label, id }))
}

function create(token: OpenToken, attributes: Attribute[], optional: Attribute[]): void {
  withOptionalAttributes(token, (isMinimal) => {
    token.cryptoki.C_CreateObject(token.session, isMinimal ? attributes : [...attributes, ...optional])
  })
}

/** Tries with the restricting attributes, then without them if the token refuses them. */
function withOptionalAttributes(token: OpenToken, work: (isMinimal: boolean) => void): void {
  try {
    work(false)
    return
  } catch (error) {
    if (!REFUSES_ATTRIBUTES.includes(returnValue(error) ?? '')) throw explainError(error, token)
  }
  explainErrors(token, () => work(true))
}

/** Some modules ignore the template, so check that the key cannot leave its token. */
export function requireNonExtractable(token: OpenToken, key: TokenKey): TokenKey {
  const sensitive = flagOf(token, key.handle, CKA.sensitive)
  const extractable = flagOf(token, key.handle, CKA.extractable)
  if (sensitive !== false && extractable !== true) return key
  throw keyError(
    `The key ${keyName({ label: key.label, id: key.id.toString('hex') })} in ${token.name.replace(/^The/, 'the')} can be extracted.`,
    "Delete the key with the vendor's tool, and use a token that supports non-extractable keys.",
  )
}

/** Deletes a temporary key pair. */
export function deleteKey({ cryptoki, session }: OpenToken, handles: readonly Buffer[]): void {
  for (const handle of handles) cryptoki.C_DestroyObject(session, handle)
}
