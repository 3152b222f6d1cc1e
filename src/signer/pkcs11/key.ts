import { FpkiError } from '../../errors.js'
import { sameSpki } from '../../pki/public-key.js'
import type { Curve, KeyChoice, KeyName } from '../../ports.js'
import { type Attribute, CKA, CKK_EC, CKO, type Cryptoki, type Handle } from './cryptoki.js'
import { explainErrors, returnValue } from './errors.js'
import { ambiguousKey, keyError, keyNotFound } from './key-errors.js'
import { keyName } from './key-name.js'
import { curveOfParameters, spkiOfPoint } from './public-point.js'
import type { OpenToken } from './session.js'

/** A private key in a token. */
export interface TokenKey {
  readonly handle: Handle
  readonly label: string
  /** CKA_ID. */
  readonly id: Buffer
  readonly curve: Curve
  /** SubjectPublicKeyInfo, DER; null when the token does not reveal it. */
  readonly spki: Uint8Array | null
  /** Whether each signature requires a login. */
  readonly alwaysAuthenticate: boolean
}

/**
 * The private key that matches `choice`, in which null matches anything (RFC 7512, 2.6). Of several, the one of the
 * certificate; null when none matches.
 *
 * @param certified the public key of the certificate of the key (SubjectPublicKeyInfo, DER); null when unknown
 * @throws FpkiError ERR_HSM_KEY when several match, or the one that matches is not usable
 */
export function findKey(token: OpenToken, choice: KeyChoice, certified: Uint8Array | null = null): TokenKey | null {
  const matches = objectsOf(token, CKO.privateKey, choice)
  const [only, ...more] = matches
  if (only === undefined) return null
  if (more.length === 0) return asTokenKey(token, only)
  const usable = matches.flatMap((one) => usableKey(token, one) ?? [])
  const matching = certified === null ? usable : usable.filter(({ spki }) => spki !== null && sameSpki(spki, certified))
  // For tokens that hide public keys, the proof of possession decides later.
  const candidates = matching.length > 0 ? matching : usable.filter(({ spki }) => spki === null)
  const [key, ...others] = candidates
  if (key !== undefined && (others.length === 0 || (certified !== null && matching.length > 0))) return key
  throw ambiguousKey(token, choice, { matches, usable: usable.length, isCertified: certified !== null })
}

/** Like {@link findKey}, but throws ERR_HSM_KEY when no key matches. */
export function requireKey(token: OpenToken, choice: KeyChoice, certified: Uint8Array | null = null): TokenKey {
  const key = findKey(token, choice, certified)
  if (key !== null) return key
  throw keyNotFound(token, choice, objectsOf(token, CKO.privateKey, { label: null, id: null }))
}

/** The matching key whose public key is `spki`; null when the token shows no such key. */
export function findKeyByPublicKey(token: OpenToken, choice: KeyChoice, spki: Uint8Array): TokenKey | null {
  const usable = objectsOf(token, CKO.privateKey, choice).flatMap((one) => usableKey(token, one) ?? [])
  return usable.find((key) => key.spki !== null && sameSpki(key.spki, spki)) ?? null
}

/** Whether any key object, private or public, has this label. A second key with it would make both ambiguous. */
export function isLabelTaken(token: OpenToken, { label }: Pick<KeyName, 'label'>): boolean {
  const anyId = { label, id: null }
  return [CKO.privateKey, CKO.publicKey].some((objectClass) => objectsOf(token, objectClass, anyId).length > 0)
}

/** An object and what identifies it. */
interface FoundObject {
  readonly handle: Handle
  /** Empty when absent. */
  readonly label: string
  /** Empty when absent. */
  readonly id: Buffer
}

/** The number of handles per C_FindObjects call. */
const FIND_BATCH = 64

/** The objects of a class with the label and the id of a choice; null matches any. */
export function objectsOf(token: OpenToken, objectClass: number, { label, id }: KeyChoice): readonly FoundObject[] {
  const { cryptoki, session } = token
  // Tokens disagree on whether an absent attribute matches an empty one, so empty ones are compared below.
  const objectTemplate = [
    { type: CKA.class, value: objectClass },
    ...(label ? [{ type: CKA.label, value: label }] : []),
    ...(id ? [{ type: CKA.id, value: Buffer.from(id, 'hex') }] : []),
  ]
  const handles = explainErrors(token, () => {
    cryptoki.C_FindObjectsInit(session, objectTemplate)
    try {
      return allObjects(cryptoki, session)
    } finally {
      cryptoki.C_FindObjectsFinal(session)
    }
  })
  const empty = Buffer.alloc(0)
  return handles
    .map((handle) => ({
      handle,
      label: label || (attribute(token, handle, CKA.label) ?? empty).toString('utf8'),
      id: attribute(token, handle, CKA.id) ?? empty,
    }))
    .filter((one) => (label ?? one.label) === one.label && (id ?? one.id.toString('hex')) === one.id.toString('hex'))
}

function allObjects(cryptoki: Cryptoki, session: Handle): readonly Handle[] {
  const handles: Handle[] = []
  for (;;) {
    const next = cryptoki.C_FindObjects(session, FIND_BATCH)
    handles.push(...next)
    if (next.length < FIND_BATCH) return handles
  }
}

/** One attribute of an object; null when the token does not reveal or support it. */
export function attribute(token: OpenToken, object: Handle, type: number): Buffer | null {
  const { cryptoki, session } = token
  try {
    const [answer] = cryptoki.C_GetAttributeValue(session, object, [{ type }])
    return Buffer.isBuffer(answer?.value) ? answer.value : null
  } catch (error) {
    const returned = returnValue(error)
    if (returned === 'CKR_ATTRIBUTE_SENSITIVE' || returned === 'CKR_ATTRIBUTE_TYPE_INVALID') return null
    return explainErrors(token, () => {
      throw error
    })
  }
}

/** A boolean attribute; null when the token does not reveal it. */
export function flagOf(token: OpenToken, object: Handle, type: number): boolean | null {
  const value = attribute(token, object, type)
  return value === null || value.length === 0 ? null : value[0] !== 0
}

/** The object as a key that fpki can sign with; null for others. */
function usableKey(token: OpenToken, object: FoundObject): TokenKey | null {
  try {
    return asTokenKey(token, object)
  } catch (error) {
    if (error instanceof FpkiError && error.code === 'ERR_HSM_KEY') return null
    throw error
  }
}

/** Reads and checks the attributes of a signing key. */
function asTokenKey(token: OpenToken, { handle, label, id }: FoundObject): TokenKey {
  const keyType = attribute(token, handle, CKA.keyType)
  const what = `The key ${keyName({ label, id: id.toString('hex') })} in ${token.name.replace(/^The/, 'the')}`
  if (keyType?.readUInt8() !== CKK_EC) throw keyError(`${what} is not an EC key.`, REQUIRED_KEY)
  if (flagOf(token, handle, CKA.sign) === false)
    throw keyError(`${what} must not be used for signing (no CKA_SIGN).`, REQUIRED_KEY)
  const publicKey = publicObjectOf(token, label, id)
  const parameters =
    attribute(token, handle, CKA.ecParams) ?? (publicKey && attribute(token, publicKey.handle, CKA.ecParams))
  const curve = parameters && curveOfParameters(parameters)
  if (!curve) throw keyError(`${what} is not on the curve P-256, P-384 or P-521.`, REQUIRED_KEY)
  const point = (publicKey && attribute(token, publicKey.handle, CKA.ecPoint)) ?? attribute(token, handle, CKA.ecPoint)
  const alwaysAuthenticate = flagOf(token, handle, CKA.alwaysAuthenticate) === true
  return { handle, label, id, curve, spki: point && spkiOfPoint(point, curve), alwaysAuthenticate }
}

const REQUIRED_KEY = 'Pass the URI of an EC signing key on P-256, P-384 or P-521 with --hsm-uri.'

/** The public key object of a private key: the same id, and no different label. */
function publicObjectOf(token: OpenToken, label: string, id: Buffer): FoundObject | null {
  if (label === '' && id.length === 0) return null
  const matches = objectsOf(token, CKO.publicKey, { label: id.length === 0 ? label : null, id: id.toString('hex') })
  return matches.find((one) => one.label === label) ?? matches.find((one) => label === '' || one.label === '') ?? null
}

/** Builds a list of attributes from pairs. */
export function template(...pairs: readonly (readonly [number, Attribute['value']])[]): Attribute[] {
  return pairs.map(([type, value]) => (value === undefined ? { type } : { type, value }))
}
