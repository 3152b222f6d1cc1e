import { type KeyObject, verify } from 'node:crypto'
import { FpkiError } from '../errors.js'
import type { CheckedOctets, Curve, Hash } from '../ports.js'
import { checkTbsCertificate } from './check.js'
import { type Der, parseDer, rawDer, readOctetBitString, sequenceMembers, taggedMembers } from './der.js'
import { decideDeviceSubject, toUuid } from './device-policy.js'
import { attributeValues, formatName, readName } from './name.js'
import { sameOctets } from './octets.js'
import { HASH_OF_CURVE, isP256Spki, keyIdentifier } from './public-key.js'
import type { Certificate } from './read-certificate.js'
import type { CertificateTemplate } from './template.js'

/** A template of device certificates: everything but the serial number, the subject and the key is the same in all of them. */
export interface DeviceTemplate extends CertificateTemplate {
  /** The device CA. */
  readonly issuer: Certificate
}

/** What differs between the device certificates of one template. */
export interface DeviceFields {
  /** Big-endian octets of a positive INTEGER. */
  readonly serialNumber: Uint8Array
  /** DER of the Name. */
  readonly subject: Uint8Array
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
}

/** Checks the certificates of one template, many thousands of them. */
export interface DeviceChecker {
  /** What is to be certified: a device's subject, and a key on P-256. Throws ERR_PROFILE. */
  checkFields(fields: DeviceFields): void
  /** A TBSCertificate (DER) of checked fields, before it is signed. Throws ERR_PROFILE, ERR_CONSTRAINTS. */
  checkTbs(der: Uint8Array, fields: DeviceFields): CheckedOctets
  /** A signed certificate (DER): it is `tbs`, and OpenSSL verifies the CA's signature. Throws ERR_SIGNATURE. */
  checkSigned(der: Uint8Array, tbs: CheckedOctets): void
}

/**
 * A checker for device certificates that differ from one that was fully checked in their {@link DeviceFields} only. The rules
 * (pki/rules.ts) about everything else were applied to that one, so comparing octets is enough; the strict parser reads the
 * rest. Where the CA's certificate constrains names, all rules and the path are checked for each certificate.
 *
 * @param tbs a TBSCertificate (DER) of the template, which is checked here
 * @throws FpkiError ERR_PROFILE, ERR_CONSTRAINTS
 */
export function deviceChecker(tbs: Uint8Array, template: DeviceTemplate, factory: string): DeviceChecker {
  const { issuer } = template
  const { key } = issuer.publicKey
  const curve = curveOf(issuer)
  const model = readTbs(checkTbsCertificate(tbs, template, curve))
  const hash = HASH_OF_CURVE[curve]
  const isPlain =
    issuer.extensions.every(({ type }) => type !== 'nameConstraints') &&
    // No device has the CA's name.
    attributeValues(issuer.subject, 'CN').every((name) => toUuid(name) === null)
  return {
    checkFields: (fields) => {
      const problem = fieldsProblem(fields, factory)
      if (problem !== null) throw breaksProfile(problem)
    },
    checkTbs: (der, fields) => {
      const problem = difference(readStrictly(der), model, fields)
      if (problem !== null) throw breaksProfile(problem)
      if (isPlain) return der as CheckedOctets
      const subject = readName(parseDer(fields.subject))
      return checkTbsCertificate(der, { ...template, ...fields, subject }, curve)
    },
    checkSigned: (der, checked) => {
      if (!isSigned(der, checked, { algorithm: model.algorithm, hash, key })) throw badSignature(issuer)
    },
  }
}

/** The curve of a CA's key. Throws ERR_BAD_CERTIFICATE when it is not an EC key. */
export function curveOf({ publicKey, subject }: Pick<Certificate, 'publicKey' | 'subject'>): Curve {
  if (publicKey.kind === 'EC') return publicKey.curve
  const hint = 'Pass the certificate of a device CA on P-256, P-384 or P-521.'
  throw new FpkiError('ERR_BAD_CERTIFICATE', `The key of ${formatName(subject)} is not an EC key.`, hint)
}

/** The members of a TBSCertificate, DER. */
interface Tbs {
  readonly version: Uint8Array
  readonly serialNumber: Der
  readonly algorithm: Uint8Array
  readonly issuer: Uint8Array
  readonly validity: Uint8Array
  readonly subject: Uint8Array
  readonly spki: Uint8Array
  /** In the order of the profile; the third is subjectKeyIdentifier. */
  readonly extensions: readonly Uint8Array[]
}

const KEY_IDENTIFIER = 2
const KEY_IDENTIFIER_OCTETS = 20

function readTbs(der: Uint8Array): Tbs {
  const [version, serial, algorithm, issuer, validity, subject, spki, wrapped] = sequenceMembers(parseDer(der), 8)
  if (serial === undefined) throw new Error('it has no serial number')
  return {
    version: rawDer(version),
    serialNumber: serial,
    algorithm: rawDer(algorithm),
    issuer: rawDer(issuer),
    validity: rawDer(validity),
    subject: rawDer(subject),
    spki: rawDer(spki),
    extensions: sequenceMembers(taggedMembers(wrapped, 3, 1)[0], 4).map(rawDer),
  }
}

function readStrictly(der: Uint8Array): Tbs {
  try {
    return readTbs(der)
  } catch (cause) {
    throw breaksProfile(cause instanceof Error ? cause.message : String(cause))
  }
}

function fieldsProblem({ subject, spki }: DeviceFields, factory: string): string | null {
  if (!isP256Spki(spki)) return 'its key is not an uncompressed point on P-256'
  try {
    const decision = decideDeviceSubject(readName(parseDer(subject)), { factory, allowsProduction: true })
    return 'code' in decision ? decision.reason : null
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause)
  }
}

/** What is not as in the template or the fields; null when all is. */
function difference(tbs: Tbs, model: Tbs, { serialNumber, subject, spki }: DeviceFields): string | null {
  const serial = tbs.serialNumber
  const isSerial = serial.tag === model.serialNumber.tag && sameOctets(serial.content, serialNumber)
  // The template's has 20 octets, the first of which is from 0x40 to 0x7f (pki/serial.ts).
  const isLong = serialNumber.length === 20 && ((serialNumber[0] ?? 0) & 0xc0) === 0x40
  if (!isSerial || !isLong) return 'unexpected serial number'
  const same = ['version', 'algorithm', 'issuer', 'validity'] as const
  const other = same.find((name) => !sameOctets(tbs[name], model[name]))
  if (other !== undefined) return `the ${other} is not the one of the template`
  if (!sameOctets(tbs.subject, subject)) return 'the subject was not copied exactly'
  if (!sameOctets(tbs.spki, spki)) return 'the public key is not the requested one'
  const isAsExpected = tbs.extensions.every((extension, at) =>
    at === KEY_IDENTIFIER
      ? isKeyIdentifier(extension, model.extensions[at], spki)
      : sameOctets(extension, model.extensions[at] ?? new Uint8Array()),
  )
  return isAsExpected ? null : 'the extensions are not those of the template'
}

/** The same extension with another key identifier, which is at its end and of constant length. */
function isKeyIdentifier(extension: Uint8Array, model: Uint8Array = new Uint8Array(), spki: Uint8Array): boolean {
  const start = model.length - KEY_IDENTIFIER_OCTETS
  return (
    extension.length === model.length &&
    sameOctets(extension.subarray(0, start), model.subarray(0, start)) &&
    sameOctets(extension.subarray(start), keyIdentifier(spki))
  )
}

function isSigned(
  der: Uint8Array,
  checked: CheckedOctets,
  { algorithm, hash, key }: { readonly algorithm: Uint8Array; readonly hash: Hash; readonly key: KeyObject },
): boolean {
  try {
    const [tbs, outer, signature] = sequenceMembers(parseDer(der), 3)
    return (
      sameOctets(checked, rawDer(tbs)) &&
      sameOctets(algorithm, rawDer(outer)) &&
      verify(hash, rawDer(tbs), key, readOctetBitString(signature))
    )
  } catch {
    return false
  }
}

function breaksProfile(problem: string): FpkiError {
  return new FpkiError(
    'ERR_PROFILE',
    `Refusing to sign a device's certificate: not a valid device certificate: ${problem}.`,
    'Nothing was signed. Report this message (it contains no secrets).',
  )
}

function badSignature({ subject }: Certificate): FpkiError {
  return new FpkiError(
    'ERR_SIGNATURE',
    `Refusing a device's new certificate: its signature does not verify with the key of ${formatName(subject)}.`,
    'Nothing was written or sent. Check that the key is the one of that CA; if it is in a token, update its software.',
  )
}
