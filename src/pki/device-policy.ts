import type { Csr } from './csr.js'
import { attributeValues, isMultiValued, type Name } from './name.js'
import { nameProblem } from './name-strings.js'
import { isP256Spki, type PublicKey } from './public-key.js'

/** Why the request of a device is refused. The codes are stable: they are in files of refused rows, metrics and logs. */
export const REQUEST_REFUSALS = [
  'csr-malformed',
  'csr-signature',
  'csr-key',
  'csr-subject',
  'csr-common-name',
  'csr-factory',
  'csr-production',
  'csr-extension',
] as const

/** See {@link REQUEST_REFUSALS}. */
export type RequestRefusalCode = (typeof REQUEST_REFUSALS)[number]

/** A request that is refused, and why: a clause, to be read after "refused: ". */
export interface RequestRefusal {
  readonly code: RequestRefusalCode
  readonly reason: string
}

/** A device's certificate request that asks for nothing but what a device gets (docs/profile.md#device). */
export interface DeviceRequest {
  /** Canonical: lower case, with hyphens. */
  readonly uuid: string
  readonly isProduction: boolean
  /** As it is encoded in the request; the certificate has the same octets. */
  readonly subject: Name
  /** SubjectPublicKeyInfo, DER: an uncompressed point on P-256. */
  readonly spki: Uint8Array
}

/** Whom a request may be for. */
export interface DevicePolicy {
  readonly factory: string
  /** May the line make production devices? */
  readonly allowsProduction: boolean
}

/** The attributes of a device's subject; any other would be certified without anybody having decided so. */
const SUBJECT_ATTRIBUTES: readonly string[] = ['CN', 'OU', 'businessCategory']

/** What a CA may put into names (RFC 5280, 4.1.2.4), and what devices send. */
const STRING_TYPES: readonly string[] = ['UTF8String', 'PrintableString']

/** A request may quote thousands of characters of its own in the reason for its refusal. */
const MAX_REASON = 300

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** `text` as a canonical UUID (RFC 9562, section 4: lower case); null when it is not a UUID. */
export function toUuid(text: string): string | null {
  const lower = text.toLowerCase()
  return UUID.test(lower) ? lower : null
}

/**
 * Decides whether a verified request is one of a device of the factory. The profile decides what the certificate says; a
 * request that asks for anything else is refused rather than trimmed, so that nobody believes they have what they asked for.
 *
 * lmp-device-register and fioup write the same subject in different orders and string types, and only the former asks for
 * extensions; both are accepted.
 */
export function decideDeviceRequest(csr: Csr, policy: DevicePolicy): DeviceRequest | RequestRefusal {
  const { subject, publicKey } = csr
  const device = keyProblem(publicKey) ?? decideDeviceSubject(subject, policy)
  if ('code' in device) return device
  return extensionProblem(csr) ?? { ...device, subject, spki: publicKey.spki }
}

/** Decides whether `subject` is one of a device of the factory. */
export function decideDeviceSubject(
  subject: Name,
  policy: DevicePolicy,
): Pick<DeviceRequest, 'uuid' | 'isProduction'> | RequestRefusal {
  const [uuid] = attributeValues(subject, 'CN').map(toUuid)
  const categories = attributeValues(subject, 'businessCategory')
  const problem = subjectProblem(subject, policy.factory) ?? productionProblem(categories, policy)
  if (problem !== null) return problem
  if (uuid === undefined || uuid === null) return refusal('csr-common-name', 'the CN of its subject is not a UUID')
  return { uuid, isProduction: categories.length > 0 }
}

/** A point has one encoding only, so that a key cannot pass for two. */
function keyProblem(publicKey: PublicKey): RequestRefusal | null {
  if (isP256Spki(publicKey.spki)) return null
  const isOnCurve = publicKey.kind === 'EC' && publicKey.curve === 'P-256'
  return refusal('csr-key', isOnCurve ? 'its key is not an uncompressed point' : 'its key is not on P-256')
}

function subjectProblem(subject: Name, factory: string): RequestRefusal | null {
  const broken = nameProblem(subject)
  if (broken !== null) return refusal('csr-subject', `in its subject, ${broken}`)
  const other = subject.attributes.find(({ type }) => !SUBJECT_ATTRIBUTES.includes(type))
  if (other !== undefined) return refusal('csr-subject', `its subject has ${other.type}`)
  const odd = subject.attributes.find(({ encoding }) => !STRING_TYPES.includes(encoding))
  if (odd !== undefined) return refusal('csr-subject', `the ${odd.type} of its subject is a ${odd.encoding}`)
  if (isMultiValued(subject)) return refusal('csr-subject', 'its subject has several attributes in one RDN')
  const names = attributeValues(subject, 'CN').length
  if (names !== 1) return refusal('csr-common-name', `its subject has ${count(names)} CN`)
  const units = attributeValues(subject, 'OU')
  if (units.length !== 1) return refusal('csr-factory', `its subject has ${count(units.length)} OU`)
  return units[0] === factory ? null : refusal('csr-factory', `its OU is ${JSON.stringify(units[0])}, not ${factory}`)
}

function productionProblem(categories: readonly string[], { allowsProduction }: DevicePolicy): RequestRefusal | null {
  const [category, ...more] = categories
  if (category === undefined) return null
  if (more.length > 0) return refusal('csr-production', `its subject has ${count(categories.length)} businessCategory`)
  if (category !== 'production')
    return refusal('csr-production', `its businessCategory is ${JSON.stringify(category)}, not production`)
  return allowsProduction
    ? null
    : refusal('csr-production', 'it is for a production device, which this line does not make')
}

/** The two extensions of a device's certificate may be asked for, with exactly its values. */
function extensionProblem({ extensions, parsedExtensions: known }: Csr): RequestRefusal | null {
  if (known.basicConstraints?.ca === true) return refusal('csr-extension', 'it asks to be a CA (CA:TRUE)')
  const other = extensions.find(({ type }) => type !== 'keyUsage' && type !== 'extKeyUsage')
  if (other !== undefined) return refusal('csr-extension', `it asks for ${other.type}`)
  const usages = (known.keyUsage ?? ['digitalSignature']).join(', ')
  if (usages !== 'digitalSignature') return refusal('csr-extension', `it asks for the keyUsage ${usages}`)
  const purposes = (known.extKeyUsage ?? ['clientAuth']).join(', ')
  return purposes === 'clientAuth' ? null : refusal('csr-extension', `it asks for the extKeyUsage ${purposes}`)
}

function count(number: number): string {
  return number === 0 ? 'no' : `${number} times`
}

/** A refusal whose reason is of limited length. */
export function refusal(code: RequestRefusalCode, reason: string): RequestRefusal {
  return { code, reason: reason.length > MAX_REASON ? `${reason.slice(0, MAX_REASON)}…` : reason }
}
