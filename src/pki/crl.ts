import { FpkiError } from '../errors.js'
import type { Signer } from '../ports.js'
import { algorithmIdentifier } from './algorithm.js'
import { TAG } from './der.js'
import { bitString, der, explicit, integer, sequence, time } from './der-write.js'
import { encodeAuthorityKeyIdentifier, encodeExtension } from './extensions.js'
import { sameName } from './name.js'
import { sameOctets } from './octets.js'
import { keyIdentifier } from './public-key.js'
import type { Certificate } from './read-certificate.js'
import { type Crl, readCrl } from './read-crl.js'
import { isSignedBy } from './signature.js'

/** The reasons that the Factory API acts on (contract.md 3; RFC 5280, 5.3.1). */
export const CRL_REASONS = { certificateHold: 6, removeFromCRL: 8, privilegeWithdrawn: 9 } as const

/** One of {@link CRL_REASONS}. */
export type CrlReason = keyof typeof CRL_REASONS

/** A CRL is a message to the Factory API, and is good for as long as sending it may take (contract.md 3). */
const MINUTES = 15

/** What a new CRL is to say. */
export interface CrlRequest {
  readonly issuer: Certificate
  /** Positive; one more than that of the CRL before. */
  readonly crlNumber: bigint
  readonly now: Date
  readonly reason: CrlReason
  /** At least one, each once. */
  readonly serialNumbers: readonly bigint[]
}

/**
 * Makes a CRL (RFC 5280, 5; contract.md 3): version 2, thisUpdate now, nextUpdate in 15 minutes, the same date and reason
 * for all entries, authorityKeyIdentifier and cRLNumber.
 *
 * @returns the CRL, read again and verified by OpenSSL against the issuer's public key
 * @throws FpkiError ERR_SIGNATURE when what came back from the signer is not a signature of the issuer's key
 */
export async function issueCrl(request: CrlRequest, signer: Signer): Promise<Crl> {
  const algorithm = algorithmIdentifier(signer.algorithm.curve)
  const tbsCertList = draftCrl(request, algorithm)
  const signature = bitString(await signer.sign(tbsCertList))
  return checkCrl(sequence(tbsCertList, algorithm, signature), request)
}

function draftCrl({ issuer, crlNumber, now, reason, serialNumbers }: CrlRequest, algorithm: Uint8Array): Uint8Array {
  const thisUpdate = new Date(Math.floor(now.getTime() / 1000) * 1000)
  const nextUpdate = new Date(thisUpdate.getTime() + MINUTES * 60_000)
  const reasonCode = der(TAG.enumerated, Uint8Array.of(CRL_REASONS[reason]))
  const entries = serialNumbers.map((serialNumber) =>
    sequence(
      integer(magnitude(serialNumber)),
      time(thisUpdate),
      sequence(encodeExtension({ type: 'reasonCode', critical: false, value: reasonCode })),
    ),
  )
  return sequence(
    integer(Uint8Array.of(1)),
    algorithm,
    issuer.subject.der,
    time(thisUpdate),
    time(nextUpdate),
    sequence(...entries),
    explicit(
      0,
      sequence(
        encodeExtension({
          type: 'authorityKeyIdentifier',
          critical: false,
          value: encodeAuthorityKeyIdentifier(keyIdentifierOf(issuer)),
        }),
        encodeExtension({ type: 'cRLNumber', critical: false, value: integer(magnitude(crlNumber)) }),
      ),
    ),
  )
}

/** What was signed, read again: it says what was meant, and the signature is the issuer's. */
function checkCrl(octets: Uint8Array, { issuer, crlNumber, serialNumbers, reason }: CrlRequest): Crl {
  const crl = readCrl(octets, 'the new CRL')
  const said = crl.entries.map(({ serialNumber, reasonCode }) => `${serialNumber} ${reasonCode}`)
  const meant = serialNumbers.map((serialNumber) => `${serialNumber} ${CRL_REASONS[reason]}`)
  const holds =
    sameName(crl.issuer, issuer.subject) &&
    crl.crlNumber === crlNumber &&
    said.join() === meant.join() &&
    sameOctets(crl.authorityKeyIdentifier, keyIdentifierOf(issuer)) &&
    isSignedBy(crl, issuer.publicKey)
  if (holds) return crl
  throw new FpkiError(
    'ERR_SIGNATURE',
    'OpenSSL does not accept the new CRL: its signature is not by the root key.',
    'Nothing was sent. Check that factory_ca.pem and the root key belong together.',
  )
}

function keyIdentifierOf({ known, spki }: Certificate): Uint8Array {
  return known.subjectKeyIdentifier ?? keyIdentifier(spki)
}

/** The big-endian octets of a number that is not negative. */
function magnitude(value: bigint): Uint8Array {
  const digits = value.toString(16)
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
}
