import { FpkiError } from '../errors.js'

/** What the TBSCertList of every new CRL has, in this order (RFC 5280, 5.2). */
export const CRL_EXTENSIONS = 'authorityKeyIdentifier,cRLNumber'

/** Why a CRL is not signed. */
export function crlProfileError(problem: string): FpkiError {
  return new FpkiError(
    'ERR_PROFILE',
    `Refusing to sign the CRL: ${problem}.`,
    'Nothing was signed. Check the clock of this machine; if it is correct, report this message (it contains no secrets).',
  )
}

/** What a strict reader has read. Throws ERR_PROFILE with its problem. */
export function readStrictly<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw crlProfileError(cause instanceof Error ? cause.message : String(cause))
  }
}

/** Throws ERR_PROFILE, naming the fields that differ. */
export function refuseDifferences(differences: Readonly<Record<string, boolean>>): void {
  const different = Object.entries(differences).flatMap(([what, isDifferent]) => (isDifferent ? [what] : []))
  if (different.length > 0) throw crlProfileError(`unexpected ${different.join(', ')}`)
}
