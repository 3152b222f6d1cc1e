import type { OcspError, OcspStatus } from '../../pki/ocsp/response.js'

/** Answers OCSP requests, without HTTP (docs/ocsp.md). */
export interface OcspService {
  /** Answers an OCSPRequest (DER). What is not possible is an answer too. Rejects only because of a bug. */
  answer(request: Uint8Array): Promise<OcspAnswer>
  /** Why requests cannot be answered now, as a clause; null: they can. */
  whyUnavailable(): Promise<string | null>
  /** The responders and when their certificates expire. */
  responders(): readonly OcspResponder[]
  close(): Promise<void>
}

/** The responder of a device CA. */
export interface OcspResponder {
  /** The certificate file of the CA. */
  readonly ca: string
  readonly notAfter: Date
}

/** What an answer says: of several certificates, `several`. */
export type OcspOutcome = OcspStatus['kind'] | OcspError | 'several'

/** An OCSPResponse. */
export interface OcspAnswer {
  readonly outcome: OcspOutcome
  /** OCSPResponse, DER. */
  readonly der: Uint8Array
  /** How long caches may keep it (RFC 5019, 6.2); null: not at all. */
  readonly cache: OcspCaching | null
}

/** The times of an answer that may be cached, and its SHA-256 in lower-case hex. */
interface OcspCaching {
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly sha256: string
}
