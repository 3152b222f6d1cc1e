import { sameName } from './name.js'
import type { Certificate } from './read-certificate.js'
import type { Crl } from './read-crl.js'
import { isSignedBy } from './signature.js'

/** The reasons that the Factory API acts on (contract.md 3; RFC 5280, 5.3.1). */
export const CRL_REASONS = { certificateHold: 6, removeFromCRL: 8, privilegeWithdrawn: 9 } as const

/** One of {@link CRL_REASONS}. */
export type CrlReason = keyof typeof CRL_REASONS

/** Is it a CRL of this issuer: by name, and by its signature? */
export function isCrlOf(crl: Crl, issuer: Certificate): boolean {
  try {
    return sameName(crl.issuer, issuer.subject) && isSignedBy(crl, issuer.publicKey)
  } catch {
    // A signature of a kind that fpki does not take is none of the issuer's.
    return false
  }
}

/** The serial numbers that a CRL revokes for good: whatever the reason, but for these two (RFC 5280, 5.3.1). */
export function revokedSerials({ entries }: Crl): readonly bigint[] {
  const { certificateHold, removeFromCRL } = CRL_REASONS
  const revoked = entries.filter(({ reasonCode }) => reasonCode !== certificateHold && reasonCode !== removeFromCRL)
  return revoked.map(({ serialNumber }) => serialNumber)
}
