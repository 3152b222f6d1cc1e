import type { X509Certificate } from 'node:crypto'
import type { Credential } from '../../devices/credential-store.js'
import type { RefusalCode } from '../../devices/refusal.js'
import type { PresentedCertificate } from '../../devices/renewal.js'
import type { Certificate } from '../../pki/read-certificate.js'

/** Gives devices new certificates as EST asks for them (RFC 7030), one at a time, for many at once, without HTTP. */
export interface RenewalService {
  /** Why no certificate could be issued right now, as a clause; null: one could. */
  whyUnavailable(): Promise<string | null>
  /** The root and the CAs that sign, DER: of one line, or of all; null: there is no such line, or it is not served. */
  caCertificates(line: string | null): Promise<readonly Uint8Array[] | null>
  /**
   * Who asks for a certificate.
   *
   * @throws FpkiError when the register is not available
   */
  identify(question: ClientQuestion): Promise<Identified>
  /** A client that asks for something else: the certificate of a device that is accepted counts as seen. Throws as `identify`. */
  note(certificate: X509Certificate): Promise<void>
  /**
   * Issues a certificate for a request (PKCS #10, DER): what it resolves to is committed. The same key gets the same
   * certificate.
   *
   * @throws FpkiError when no certificate can be issued now, as the register, the key or the CA is not available
   */
  certify(request: Uint8Array, client: EstClient): Promise<EstOutcome>
  /** Finishes what was accepted. */
  close(): Promise<void>
}

/** Which HTTP status a client gets with its certificate; `auto`: by its User-Agent. */
export const EST_STATUSES = ['auto', '200', '201'] as const
/** See {@link EST_STATUSES}. */
export type EstStatus = (typeof EST_STATUSES)[number]

/** `enroll`: simpleenroll; `renew`: simplereenroll. */
export type EstOperation = 'enroll' | 'renew'

/** What a client proves its right with. */
export interface ClientQuestion {
  readonly operation: EstOperation
  /** The line in the URL; null: none. */
  readonly line: string | null
  /** Of the TLS connection, as OpenSSL has read it; null: none. */
  readonly certificate: X509Certificate | null
  /** The password of HTTP Basic, a token. Secret. null: none. */
  readonly token: string | null
}

/** See {@link RenewalService.identify}. `anonymous`: it has shown nothing; `unknown`: a wrong token; `no-line`: see the URL. */
export type Identified =
  | { readonly kind: 'client'; readonly client: EstClient }
  | { readonly kind: 'anonymous' | 'unknown' | 'no-line' }
  | EstRefused

/** Who may have a certificate issued, and in which line. */
export type EstClient =
  | { readonly kind: 'device'; readonly line: string; readonly device: RenewingDevice }
  | { readonly kind: 'token'; readonly line: string; readonly uuid: string; readonly credential: Credential }
  | { readonly kind: 'vendor'; readonly line: string; readonly uuids: readonly string[] }

/** A device that presents a certificate of a device CA of this factory. */
export interface RenewingDevice {
  readonly uuid: string
  readonly isProduction: boolean
  readonly certificate: Certificate
  /** The serial number of the certificate, lower-case hex. */
  readonly serial: string
  /** SHA-256 of the certificate of the CA that signed it, lower-case hex. */
  readonly ca: string
  /** What the register has of it; null: nothing, it is adopted with its first renewal. */
  readonly presented: PresentedCertificate | null
}

/** How a request ended. */
export type EstOutcome =
  | {
      readonly kind: 'issued' | 'reused'
      readonly uuid: string
      /** Lower-case hex. */
      readonly serial: string
      readonly der: Uint8Array
    }
  | EstRefused

/** A client or a request that is refused. */
export interface EstRefused {
  readonly kind: 'refused'
  /** Canonical; null: it is not known. */
  readonly uuid: string | null
  readonly code: RefusalCode
  /** A clause. */
  readonly reason: string
}

/**
 * A refusal of a client or of its request.
 *
 * @param uuid canonical; null: it is not known
 * @param reason a clause
 */
export function refused(uuid: string | null, code: RefusalCode, reason: string): EstRefused {
  return { kind: 'refused', uuid, code, reason }
}
