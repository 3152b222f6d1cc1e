import { FpkiError } from '../errors.js'
import type { CheckedOctets, Curve } from '../ports.js'
import { CRL_REASONS, type CrlReason } from './crl.js'
import { CRL_EXTENSIONS, crlProfileError, readStrictly, refuseDifferences } from './crl-profile.js'
import { sameName } from './name.js'
import { sameOctets } from './octets.js'
import type { Certificate } from './read-certificate.js'
import { type Crl, readCrl, readTbsCrl } from './read-crl.js'
import { sameTime } from './rules.js'
import { ECDSA_OF_CURVE, isSignedBy } from './signature.js'
import { issuerKeyIdentifier } from './template.js'

/** The contents of a new CRL (RFC 5280, 5; docs/profile.md#crl). */
export interface CrlTemplate {
  readonly issuer: Certificate
  /** Positive; one more than the previous CRL's. */
  readonly crlNumber: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly reason: CrlReason
  /** At least one, without duplicates. */
  readonly serialNumbers: readonly bigint[]
}

/**
 * Checks that a CRL can list these serial numbers: no negative numbers, no duplicates. RFC 5280 (4.1.2.2) does not allow 0,
 * but certificates from other tools that use it must remain revocable. Throws ERR_PROFILE.
 */
export function checkSerialNumbers(serialNumbers: readonly bigint[]): void {
  const negative = serialNumbers.find((serialNumber) => serialNumber < 0n)
  if (negative !== undefined) throw crlProfileError(`the serial number ${negative} is negative`)
  if (new Set(serialNumbers).size !== serialNumbers.length) throw crlProfileError('a serial number is listed twice')
}

/**
 * Checks a TBSCertList (DER) against its template, with fpki's own strict parser.
 *
 * @param curve the curve of the signing key
 * @throws FpkiError ERR_PROFILE, naming the fields that differ
 */
export function checkTbsCrl(der: Uint8Array, template: CrlTemplate, curve: Curve): CheckedOctets {
  const crl = readStrictly(() => readTbsCrl(der))
  const { issuer, crlNumber, thisUpdate, nextUpdate, reason, serialNumbers } = template
  const revoked = serialNumbers.map((serialNumber) => `${serialNumber} ${CRL_REASONS[reason]}`)
  refuseDifferences({
    version: crl.version !== 2,
    algorithm: crl.algorithm !== ECDSA_OF_CURVE[curve],
    issuer: !sameName(crl.issuer, issuer.subject),
    thisUpdate: !sameTime(crl.thisUpdate, thisUpdate),
    nextUpdate: crl.nextUpdate === null || !sameTime(crl.nextUpdate, nextUpdate),
    entries:
      crl.entries.map(({ serialNumber, reasonCode }) => `${serialNumber} ${reasonCode}`).join() !== revoked.join(),
    revocationDate: crl.entries.some(({ revocationDate }) => !sameTime(revocationDate, thisUpdate)),
    extensions: crl.extensions.map(({ type }) => type).join() !== CRL_EXTENSIONS,
    crlNumber: crl.crlNumber !== crlNumber,
    authorityKeyIdentifier: !sameOctets(crl.authorityKeyIdentifier, issuerKeyIdentifier({ ...issuer, issuer })),
  })
  return der as CheckedOctets
}

/**
 * Parses a signed CRL (DER) and verifies its signature with the issuer's key, using OpenSSL. Throws ERR_SIGNATURE.
 */
export function checkCrl(der: Uint8Array, { issuer }: CrlTemplate): Crl {
  const crl = readCrl(der, 'the new CRL')
  if (sameName(crl.issuer, issuer.subject) && isSignedBy(crl, issuer.publicKey)) return crl
  throw new FpkiError(
    'ERR_SIGNATURE',
    'Refusing the new CRL: its signature does not verify with the root key.',
    'Nothing was sent. Check that the root key is the key of factory_ca.pem.',
  )
}
