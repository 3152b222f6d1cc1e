import type { Curve } from '../../ports.js'
import { TAG } from '../der.js'
import { bitString, der, explicit, objectIdentifier, octetString, sequence } from '../der-write.js'
import { oid } from '../oids.js'
import { ECDSA_OF_CURVE } from '../signature.js'

/** What is said of one certificate (RFC 6960, 4.2.1). */
export type OcspStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'revoked'
      readonly at: Date
      /** CRLReason (RFC 5280, 5.3.1); 0, unspecified, is left out of the answer. */
      readonly reason: number
    }

/** A SingleResponse. Times have whole seconds. */
export interface SingleResponse {
  /** CertID, DER. */
  readonly certId: Uint8Array
  readonly status: OcspStatus
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

/** The contents of a ResponseData. */
export interface ResponseContents {
  /** SHA-1 of the responder's public key bits: the ResponderID byKey. */
  readonly responderKeyHash: Uint8Array
  readonly producedAt: Date
  readonly responses: readonly SingleResponse[]
  /** null: the request had none. */
  readonly nonce: Uint8Array | null
}

/** OCSPResponseStatus without an answer (RFC 6960, 4.2.1). */
const OCSP_ERRORS = { malformedRequest: 1, tryLater: 3, unauthorized: 6 } as const

/** One of {@link OCSP_ERRORS}. */
export type OcspError = keyof typeof OCSP_ERRORS

/** An OCSPResponse that says why there is no answer. */
export function ocspError(error: OcspError): Uint8Array {
  return sequence(enumerated(OCSP_ERRORS[error]))
}

// Encoded once: that of an identifier takes as long as that of everything else.
const BASIC = objectIdentifier(oid('id-pkix-ocsp-basic'))
const NONCE = objectIdentifier(oid('id-pkix-ocsp-nonce'))
const ALGORITHMS: Readonly<Record<Curve, Uint8Array>> = {
  'P-256': algorithmOf('P-256'),
  'P-384': algorithmOf('P-384'),
  'P-521': algorithmOf('P-521'),
}

function algorithmOf(curve: Curve): Uint8Array {
  return sequence(objectIdentifier(oid(ECDSA_OF_CURVE[curve])))
}

/** A ResponseData (RFC 6960, 4.2.1), DER, to be signed. The version is the default and left out. */
export function encodeResponseData(contents: ResponseContents): Uint8Array {
  const { responderKeyHash, producedAt, responses, nonce } = contents
  return sequence(
    explicit(2, octetString(responderKeyHash)),
    time(producedAt),
    sequence(...responses.map(single)),
    ...(nonce === null ? [] : [explicit(1, sequence(nonceExtension(nonce)))]),
  )
}

/** A nonce as an Extension (RFC 9654, 2.1). */
function nonceExtension(nonce: Uint8Array): Uint8Array {
  return sequence(NONCE, octetString(octetString(nonce)))
}

function single({ certId, status, thisUpdate, nextUpdate }: SingleResponse): Uint8Array {
  return sequence(certId, statusOf(status), time(thisUpdate), explicit(0, time(nextUpdate)))
}

/** CertStatus: implicit tags around NULL or RevokedInfo. */
function statusOf(status: OcspStatus): Uint8Array {
  if (status.kind === 'good') return der(0x80)
  if (status.kind === 'unknown') return der(0x82)
  // RFC 5280, 5.3.1: unspecified should be left out.
  const reason = status.reason === 0 ? [] : [explicit(0, enumerated(status.reason))]
  return explicit(1, time(status.at), ...reason)
}

/**
 * An OCSPResponse (RFC 6960, 4.2.1) with a signed ResponseData.
 *
 * @param curve that of the responder's key
 * @param certificate the responder's, DER
 */
export function encodeOcspResponse(responseData: Uint8Array, { curve, signature, certificate }: SignedBy): Uint8Array {
  const basic = sequence(responseData, ALGORITHMS[curve], bitString(signature), explicit(0, sequence(certificate)))
  const bytes = sequence(BASIC, octetString(basic))
  return sequence(enumerated(0), explicit(0, bytes))
}

/** Who signed a ResponseData. */
export interface SignedBy {
  readonly curve: Curve
  readonly signature: Uint8Array
  readonly certificate: Uint8Array
}

function enumerated(value: number): Uint8Array {
  return der(TAG.enumerated, Uint8Array.of(value))
}

/** GeneralizedTime without fractions (RFC 6960, 4.2.2.1). */
function time(at: Date): Uint8Array {
  const text = at.toISOString().replace(/[-:T]|\.\d+/g, '')
  return der(TAG.generalizedTime, Buffer.from(text, 'latin1'))
}
