import { FpkiError } from '../errors.js'
import type { CheckedOctets } from '../ports.js'
import { readRequestInfo } from './csr.js'
import { formatGeneralName, type GeneralName, type KnownExtensions } from './extensions.js'
import { type Name, sameName } from './name.js'
import { nameProblem } from './name-strings.js'
import { sameOctets } from './octets.js'

/** What a new certificate request (PKCS #10) asks for. */
export interface CsrTemplate {
  readonly subject: Name
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  /** A CA that may have CAs below it and signs certificates and CRLs, or a server with these names. */
  readonly asksFor: { readonly kind: 'ca' } | { readonly kind: 'server'; readonly names: readonly GeneralName[] }
}

/**
 * Checks a CertificationRequestInfo (DER) against its template, with fpki's own strict reader. Throws ERR_PROFILE with what
 * is wrong.
 */
export function checkCsrInfo(der: Uint8Array, { subject, spki, asksFor }: CsrTemplate): CheckedOctets {
  const csr = readStrictly(der)
  const found = csr.extensions.map(({ type, critical }) => `${type} ${critical}`).join()
  const problems = {
    subject: !sameName(csr.subject, subject) || nameProblem(subject) !== null,
    'public key': !sameOctets(csr.publicKey.spki, spki),
    attributes: csr.unusedAttributes.length > 0,
    extensions: found !== extensionsOf(asksFor) || !isAsMeant(csr.known, asksFor),
  }
  const wrong = Object.entries(problems).flatMap(([what, isWrong]) => (isWrong ? [what] : []))
  if (wrong.length > 0) throw notAsMeant(`unexpected ${wrong.join(', ')}`)
  return der as CheckedOctets
}

function extensionsOf(asksFor: CsrTemplate['asksFor']): string {
  if (asksFor.kind === 'ca') return 'keyUsage true,basicConstraints true'
  return asksFor.names.length === 0 ? '' : 'subjectAltName false'
}

function isAsMeant(known: KnownExtensions, asksFor: CsrTemplate['asksFor']): boolean {
  const { basicConstraints, keyUsage, subjectAltName } = known
  if (asksFor.kind === 'server')
    return (subjectAltName ?? []).map(formatGeneralName).join() === asksFor.names.map(formatGeneralName).join()
  const isCa = basicConstraints?.ca === true && basicConstraints.pathLenConstraint === null
  return isCa && keyUsage?.join() === 'keyCertSign,cRLSign'
}

function readStrictly(der: Uint8Array): ReturnType<typeof readRequestInfo> {
  try {
    return readRequestInfo(der)
  } catch (cause) {
    throw notAsMeant(cause instanceof Error ? cause.message : String(cause))
  }
}

function notAsMeant(problem: string): FpkiError {
  return new FpkiError(
    'ERR_PROFILE',
    `The certificate request was not signed: ${problem}.`,
    'Nothing was signed. Report this message, which holds no secret.',
  )
}
