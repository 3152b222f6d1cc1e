/**
 * Why the certificate of a device is revoked, with the numbers that CRLs and OCSP answers have (RFC 5280, 5.3.1). Those that are
 * about no single device are left out.
 */
export const DENIAL_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
} as const

/** See {@link DENIAL_REASONS}. */
export type DenialReason = keyof typeof DENIAL_REASONS

/** The names of {@link DENIAL_REASONS}. */
export const DENIAL_REASON_NAMES = Object.keys(DENIAL_REASONS) as readonly DenialReason[]

/** The only reason that ends: whoever was denied for another one is denied for ever. */
export const ON_HOLD: DenialReason = 'certificateHold'

/** The denial of devices. */
export interface Denial {
  readonly reason: DenialReason
  readonly at: number
  /** Whether the Factory API is to be informed. */
  readonly announce: boolean
}

/** Since when a certificate is not to be accepted, and why. */
export interface Revocation {
  readonly at: number
  readonly reason: DenialReason
}

/** What OCSP answers, CRLs and the lists of gateways say of a certificate. */
export interface CertificateStatus {
  /** Lower-case hex. */
  readonly serial: string
  readonly uuid: string
  /** The device CA that signed it: SHA-256 of its certificate, lower-case hex. */
  readonly ca: string
  readonly notAfter: number
  /**
   * null: it is good. A denied device has all its certificates revoked. Otherwise those are that have a newer one and whose time
   * is over, and those whose key was lost before anybody had it.
   */
  readonly revocation: Revocation | null
  /** When a certificate that is good will be superseded; null: it will not. */
  readonly endsAt: number | null
}

/** Which revoked certificates are meant; null: of all CAs. */
export interface RevokedFilter {
  readonly ca: string | null
  /** Certificates that have expired by then are left out. */
  readonly at: number
}
