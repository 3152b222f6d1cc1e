import { FpkiError } from '../../errors.js'
import { sameSpki } from '../../pki/public-key.js'
import type { Curve, KeyChoice, KeyName } from '../../ports.js'
import { type Attribute, CKA, CKK_EC, CKO, type Cryptoki, type Handle } from './cryptoki.js'
import { explained, returnValue } from './errors.js'
import { keyError, noKey, severalKeys } from './key-errors.js'
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
  /** SubjectPublicKeyInfo, DER; null when the token shows it nowhere. */
  readonly spki: Uint8Array | null
  /** It wants a login for each signature. */
  readonly alwaysAuthenticate: boolean
}

/**
 * The private key that is meant: what the choice leaves open matches anything (RFC 7512, 2.6). Of several, the one of
 * the certificate; null when the token has none.
 *
 * @param certified the public key of the certificate that goes with the key (SubjectPublicKeyInfo, DER); null: unknown
 * @throws FpkiError ERR_HSM_KEY when several fit, or the one that fits cannot sign for fpki
 */
export function findKey(token: OpenToken, choice: KeyChoice, certified: Uint8Array | null = null): TokenKey | null {
  const matches = objectsOf(token, CKO.privateKey, choice)
  const [only, ...more] = matches
  if (only === undefined) return null
  if (more.length === 0) return described(token, only)
  const usable = matches.flatMap((one) => usableKey(token, one) ?? [])
  const certain = certified === null ? usable : usable.filter(({ spki }) => spki !== null && sameSpki(spki, certified))
  // Tokens that hide public keys leave it to the proof of possession.
  const possible = certain.length > 0 ? certain : usable.filter(({ spki }) => spki === null)
  const [key, ...others] = possible
  if (key !== undefined && (others.length === 0 || (certified !== null && certain.length > 0))) return key
  throw severalKeys(token, choice, { matches, usable: usable.length, isCertified: certified !== null })
}

/** As {@link findKey}; throws ERR_HSM_KEY when there is none. */
export function requireKey(token: OpenToken, choice: KeyChoice, certified: Uint8Array | null = null): TokenKey {
  const key = findKey(token, choice, certified)
  if (key !== null) return key
  throw noKey(token, choice, objectsOf(token, CKO.privateKey, { label: null, id: null }))
}

/** The key whose public half the token shows, and which is `spki`; null: none that fits is. Throws nothing of its own. */
export function findShownKey(token: OpenToken, choice: KeyChoice, spki: Uint8Array): TokenKey | null {
  const usable = objectsOf(token, CKO.privateKey, choice).flatMap((one) => usableKey(token, one) ?? [])
  return usable.find((key) => key.spki !== null && sameSpki(key.spki, spki)) ?? null
}

/** Is there any key object, private or public, under this label? Making another would make both unusable. */
export function isLabelTaken(token: OpenToken, { label }: Pick<KeyName, 'label'>): boolean {
  const anyId = { label, id: null }
  return [CKO.privateKey, CKO.publicKey].some((objectClass) => objectsOf(token, objectClass, anyId).length > 0)
}

/** An object and what tells it from others. */
export interface FoundObject {
  readonly handle: Handle
  /** Empty when it has none. */
  readonly label: string
  /** Empty when it has none. */
  readonly id: Buffer
}

/** How many handles are asked for at a time. */
const AT_A_TIME = 64

/** The objects of a class with the label and the id of a choice, or any where it says null. */
export function objectsOf(token: OpenToken, objectClass: number, { label, id }: KeyChoice): readonly FoundObject[] {
  const { cryptoki, session } = token
  // Tokens differ in whether an attribute that an object lacks equals an empty one: those are compared below.
  const wanted = [
    { type: CKA.class, value: objectClass },
    ...(label ? [{ type: CKA.label, value: label }] : []),
    ...(id ? [{ type: CKA.id, value: Buffer.from(id, 'hex') }] : []),
  ]
  const handles = explained(token, () => {
    cryptoki.C_FindObjectsInit(session, wanted)
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
    const next = cryptoki.C_FindObjects(session, AT_A_TIME)
    handles.push(...next)
    if (next.length < AT_A_TIME) return handles
  }
}

/** One attribute of an object; null when the token does not show it or does not know it. */
export function attribute(token: OpenToken, object: Handle, type: number): Buffer | null {
  const { cryptoki, session } = token
  try {
    const [answer] = cryptoki.C_GetAttributeValue(session, object, [{ type }])
    return Buffer.isBuffer(answer?.value) ? answer.value : null
  } catch (error) {
    const code = returnValue(error)
    if (code === 'CKR_ATTRIBUTE_SENSITIVE' || code === 'CKR_ATTRIBUTE_TYPE_INVALID') return null
    return explained(token, () => {
      throw error
    })
  }
}

/** A truth value among the attributes; null when the token does not tell. */
export function flagOf(token: OpenToken, object: Handle, type: number): boolean | null {
  const value = attribute(token, object, type)
  return value === null || value.length === 0 ? null : value[0] !== 0
}

/** A key that can sign for fpki; null: an object of another kind. */
function usableKey(token: OpenToken, object: FoundObject): TokenKey | null {
  try {
    return described(token, object)
  } catch (error) {
    if (error instanceof FpkiError && error.code === 'ERR_HSM_KEY') return null
    throw error
  }
}

/** The attributes that make an object a key of fpki's, checked. */
function described(token: OpenToken, { handle, label, id }: FoundObject): TokenKey {
  const keyType = attribute(token, handle, CKA.keyType)
  const what = `The key ${keyName({ label, id: id.toString('hex') })} in ${token.name.replace(/^The/, 'the')}`
  if (keyType?.readUInt8() !== CKK_EC) throw keyError(`${what} is not an EC key.`, WANTED_KIND)
  if (flagOf(token, handle, CKA.sign) === false) throw keyError(`${what} may not sign (CKA_SIGN).`, WANTED_KIND)
  const publicKey = publicObjectOf(token, label, id)
  const parameters =
    attribute(token, handle, CKA.ecParams) ?? (publicKey && attribute(token, publicKey.handle, CKA.ecParams))
  const curve = parameters && curveOfParameters(parameters)
  if (!curve) throw keyError(`${what} is not on the curve P-256, P-384 or P-521.`, WANTED_KIND)
  const point = (publicKey && attribute(token, publicKey.handle, CKA.ecPoint)) ?? attribute(token, handle, CKA.ecPoint)
  const alwaysAuthenticate = flagOf(token, handle, CKA.alwaysAuthenticate) === true
  return { handle, label, id, curve, spki: point && spkiOfPoint(point, curve), alwaysAuthenticate }
}

const WANTED_KIND = 'It must be an EC key on P-256, P-384 or P-521 that may sign; name another one with --hsm-uri.'

/** The public key that goes with a private one: the same id, and no other label. */
function publicObjectOf(token: OpenToken, label: string, id: Buffer): FoundObject | null {
  if (label === '' && id.length === 0) return null
  const matches = objectsOf(token, CKO.publicKey, { label: id.length === 0 ? label : null, id: id.toString('hex') })
  return matches.find((one) => one.label === label) ?? matches.find((one) => label === '' || one.label === '') ?? null
}

/** A list of attributes from pairs. */
export function template(...pairs: readonly (readonly [number, Attribute['value']])[]): Attribute[] {
  return pairs.map(([type, value]) => (value === undefined ? { type } : { type, value }))
}
