import { sameName } from './name.js'
import type { Certificate } from './read-certificate.js'
import type { Crl } from './read-crl.js'
import { isSignedBy } from './signature.js'

/** The revocation reasons that the Factory API acts on (docs/profile.md#crl; RFC 5280, 5.3.1). */
export const CRL_REASONS = { certificateHold: 6, removeFromCRL: 8, privilegeWithdrawn: 9 } as const

/** One of {@link CRL_REASONS}. */
export type CrlReason = keyof typeof CRL_REASONS

/** Whether `issuer` issued and signed this CRL. */
export function isCrlOf(crl: Crl, issuer: Certificate): boolean {
  try {
    return sameName(crl.issuer, issuer.subject) && isSignedBy(crl, issuer.publicKey)
  } catch {
    // An unsupported signature algorithm.
    return false
  }
}

/** The serial numbers that a CRL revokes permanently: every reason except these two (RFC 5280, 5.3.1). */
export function revokedSerials({ entries }: Crl): readonly bigint[] {
  const { certificateHold, removeFromCRL } = CRL_REASONS
  const revoked = entries.filter(({ reasonCode }) => reasonCode !== certificateHold && reasonCode !== removeFromCRL)
  return revoked.map(({ serialNumber }) => serialNumber)
}
