import { FpkiError } from '../../errors.js'
import type { Curve, KeyChoice } from '../../ports.js'
import { type Attribute, CKA, CKK_EC, CKO, type Handle } from './cryptoki.js'
import { explained, returnValue } from './errors.js'
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

/** The ids of fioctl's two builds (contract.md 5): 1 as a number, and as a character. */
const FIOCTL_IDS = ['01', '31']

/**
 * The private key that is meant; null when the token has none.
 *
 * @throws FpkiError ERR_HSM_KEY when more than one fits, or it cannot sign for fpki
 */
export function findKey(token: OpenToken, choice: KeyChoice): TokenKey | null {
  const found = objectsOf(token, CKO.privateKey, choice)
  const [key, ...more] = found.filter(({ id }) => idFits(id, choice))
  if (more.length > 0 && key !== undefined) throw severalKeys(token, choice, [key, ...more])
  if (key !== undefined) return described(token, key)
  if (found.length > 0) throw otherIds(token, choice, found)
  return null
}

/** As {@link findKey}; throws ERR_HSM_KEY when there is none. */
export function requireKey(token: OpenToken, choice: KeyChoice): TokenKey {
  const key = findKey(token, choice)
  if (key !== null) return key
  throw keyError(
    `${token.name} has no private key labelled "${choice.label}"${choice.id === null ? '' : ` with the id ${choice.id}`}.`,
    'Name the token that has it; `fpki hsm list` shows them. A key that a token lost can come from a backup only.',
  )
}

/** Is there any key object, private or public, under this label? Making another would make both unusable. */
export function isLabelTaken(token: OpenToken, { label }: KeyChoice): boolean {
  const anyId = { label, id: null }
  return [CKO.privateKey, CKO.publicKey].some((objectClass) => objectsOf(token, objectClass, anyId).length > 0)
}

/** An object and what tells it from others. */
export interface FoundObject {
  readonly handle: Handle
  readonly label: string
  readonly id: Buffer
}

/** The objects of a class with a label and, where one is asked for, an id. */
export function objectsOf(token: OpenToken, objectClass: number, { label, id }: KeyChoice): readonly FoundObject[] {
  const { cryptoki, session, name } = token
  const wanted = [
    { type: CKA.class, value: objectClass },
    { type: CKA.label, value: label },
    ...(id === null ? [] : [{ type: CKA.id, value: Buffer.from(id, 'hex') }]),
  ]
  const handles = explained(name, () => {
    cryptoki.C_FindObjectsInit(session, wanted)
    try {
      return cryptoki.C_FindObjects(session, 16)
    } finally {
      cryptoki.C_FindObjectsFinal(session)
    }
  })
  return handles.map((handle) => ({ handle, label, id: attribute(token, handle, CKA.id) ?? Buffer.alloc(0) }))
}

/** One attribute of an object; null when the token does not show it or does not know it. */
export function attribute({ cryptoki, session, name }: OpenToken, object: Handle, type: number): Buffer | null {
  try {
    const [found] = cryptoki.C_GetAttributeValue(session, object, [{ type }])
    return Buffer.isBuffer(found?.value) ? found.value : null
  } catch (error) {
    const said = returnValue(error)
    if (said === 'CKR_ATTRIBUTE_SENSITIVE' || said === 'CKR_ATTRIBUTE_TYPE_INVALID') return null
    return explained(name, () => {
      throw error
    })
  }
}

/** A truth value among the attributes; null when the token does not tell. */
export function flagOf(token: OpenToken, object: Handle, type: number): boolean | null {
  const value = attribute(token, object, type)
  return value === null || value.length === 0 ? null : value[0] !== 0
}

function idFits(id: Buffer, { id: wanted }: KeyChoice): boolean {
  return wanted === null ? FIOCTL_IDS.includes(id.toString('hex')) : id.toString('hex') === wanted
}

/** The attributes that make an object a key of fpki's, checked. */
function described(token: OpenToken, { handle, label, id }: FoundObject): TokenKey {
  const keyType = attribute(token, handle, CKA.keyType)
  const what = `The key "${label}" in ${token.name.replace(/^The/, 'the')}`
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

/** The public key that goes with a private one: the same id, and the same label where there are several. */
function publicObjectOf(token: OpenToken, label: string, id: Buffer): FoundObject | null {
  return objectsOf(token, CKO.publicKey, { label, id: id.toString('hex') })[0] ?? null
}

/** `label "root-ca", id 01` for each. */
function listed(keys: readonly FoundObject[]): string {
  return keys.map(({ label, id }) => `"${label}" with the id ${id.toString('hex') || '(none)'}`).join('; ')
}

function severalKeys(token: OpenToken, { label }: KeyChoice, found: readonly FoundObject[]): FpkiError {
  return keyError(
    `${token.name} has ${found.length} private keys labelled "${label}": ${listed(found)}.`,
    'Say which one with --hsm-uri and its id (`…;object=root-ca;id=%01`), or delete the one that is not used.',
  )
}

function otherIds(token: OpenToken, { label }: KeyChoice, found: readonly FoundObject[]): FpkiError {
  return keyError(
    `${token.name} has a private key labelled "${label}", but not with the id of a Factory's root: ${listed(found)}.`,
    'If it is the right one, name it with --hsm-uri and its id (`…;object=root-ca;id=%07`).',
  )
}

export function keyError(message: string, hint: string): FpkiError {
  return new FpkiError('ERR_HSM_KEY', message, hint)
}

/** A list of attributes from pairs. */
export function template(...pairs: readonly (readonly [number, Attribute['value']])[]): Attribute[] {
  return pairs.map(([type, value]) => (value === undefined ? { type } : { type, value }))
}
