import type { Curve, KeyName } from '../../ports.js'
import type { KeyMaterial } from '../open-key.js'
import { type Attribute, CKA, CKK_EC, CKM, CKO, type Handle } from './cryptoki.js'
import { explained, explainedError, returnValue } from './errors.js'
import { flagOf, objectsOf, requireKey, type TokenKey, template } from './key.js'
import { keyError } from './key-errors.js'
import { keyName } from './key-name.js'
import { ecParameters } from './public-point.js'
import type { OpenToken } from './session.js'

/** Tokens that refuse an attribute that says no more than their own default answer with one of these. */
const REFUSES_ATTRIBUTES = [
  'CKR_ATTRIBUTE_TYPE_INVALID',
  'CKR_ATTRIBUTE_VALUE_INVALID',
  'CKR_ATTRIBUTE_READ_ONLY',
  'CKR_TEMPLATE_INCONSISTENT',
]

/** What every private key of fpki's has: it stays in the token, and never leaves it. */
function privateTemplate(label: string, id: Buffer): Attribute[] {
  return template(
    [CKA.token, true],
    // Only who knows the PIN sees that it exists.
    [CKA.private, true],
    // Its value can neither be read nor, wrapped by another key, be taken out.
    [CKA.sensitive, true],
    [CKA.extractable, false],
    [CKA.sign, true],
    [CKA.label, label],
    [CKA.id, id],
  )
}

/** It signs and does nothing else. Many tokens refuse some of these for EC keys, which never do such things in them. */
const SIGNS_ONLY = template([CKA.decrypt, false], [CKA.unwrap, false], [CKA.derive, false], [CKA.signRecover, false])

/** The public half, likewise. */
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
 * Makes an EC key pair in a token; the caller has seen that its label is free. Throws ERR_HSM_KEY when the token cannot,
 * or when what it made could leave it.
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
    made.push(pair.publicKey, pair.privateKey)
  }
  const made: Handle[] = []
  withOptionalAttributes(token, generate)
  try {
    return requireNonExtractable(token, requireKey(token, { label, id }))
  } catch (error) {
    // Nothing was signed with it, and it must not be taken for a good one by the next run.
    deleteKey(token, made)
    throw error
  }
}

/**
 * Clears away the public half of a pair whose private half is not there: what a making that was cut off leaves. Throws
 * ERR_HSM_KEY when only the private half is there, because fpki deletes no private key.
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
    `${token.name} has the private half of the key "${label}" only, which an interrupted making left.`,
    `Nothing was signed with it. Delete it with \`pkcs11-tool --login --delete-object --type privkey --label ${label}\`, and run the same command again.`,
  )
}

/** Puts an EC key pair into a token, as {@link generateKey} would have made it. Cut off, the private half may be alone there. */
export function importKeyPair(token: OpenToken, { label, id }: KeyName, material: KeyMaterial): TokenKey {
  const keyId = Buffer.from(id, 'hex')
  const { curve, scalar, point } = material
  const parameters = template([CKA.keyType, CKK_EC], [CKA.ecParams, ecParameters(curve)])
  const value = template([CKA.class, CKO.privateKey], [CKA.value, scalar])
  // NSS alone wants the point with the private key, in an attribute of its own.
  const ofNss = token.token.manufacturer.startsWith('Mozilla') ? template([CKA.nssDatabase, point]) : []
  create(token, [...value, ...parameters, ...ofNss, ...privateTemplate(label, keyId)], SIGNS_ONLY)
  return importPublicKey(token, { label, id }, material)
}

/** Puts the public half beside a private one, unless it is there. */
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

/** Tries with the attributes that say "signs only", and without them where the token refuses them. */
function withOptionalAttributes(token: OpenToken, work: (isMinimal: boolean) => void): void {
  try {
    work(false)
    return
  } catch (error) {
    if (!REFUSES_ATTRIBUTES.includes(returnValue(error) ?? '')) throw explainedError(error, token)
  }
  explained(token, () => work(true))
}

/** Some modules take a template and make what they like; a key that could leave its token is none. */
export function requireNonExtractable(token: OpenToken, key: TokenKey): TokenKey {
  const sensitive = flagOf(token, key.handle, CKA.sensitive)
  const extractable = flagOf(token, key.handle, CKA.extractable)
  if (sensitive !== false && extractable !== true) return key
  throw keyError(
    `${token.name} has the key ${keyName({ label: key.label, id: key.id.toString('hex') })}, which could be read out of the token.`,
    'Delete that key with the tool of the token, and take a token that keeps keys to itself.',
  )
}

/** Deletes a throw-away key pair. */
export function deleteKey({ cryptoki, session }: OpenToken, handles: readonly Buffer[]): void {
  for (const handle of handles) cryptoki.C_DestroyObject(session, handle)
}
