import { FpkiError } from '../errors.js'
import type { CheckedOctets } from '../ports.js'
import { readRequestInfo } from './csr.js'
import { formatGeneralName, type GeneralName, type ParsedExtensions } from './extensions.js'
import { type Name, sameName } from './name.js'
import { nameProblem } from './name-strings.js'
import { sameOctets } from './octets.js'

/** The contents of a new certificate request (PKCS #10). */
export interface CsrTemplate {
  readonly subject: Name
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  /** A CA that may issue CA certificates and CRLs, or a server with these names. */
  readonly requested: { readonly kind: 'ca' } | { readonly kind: 'server'; readonly names: readonly GeneralName[] }
}

/**
 * Checks a CertificationRequestInfo (DER) against its template, with fpki's own strict parser. Throws ERR_PROFILE, naming
 * the fields that differ.
 */
export function checkCsrInfo(der: Uint8Array, { subject, spki, requested }: CsrTemplate): CheckedOctets {
  const csr = readStrictly(der)
  const extensions = csr.extensions.map(({ type, critical }) => `${type} ${critical}`).join()
  const problems = {
    subject: !sameName(csr.subject, subject) || nameProblem(subject) !== null,
    'public key': !sameOctets(csr.publicKey.spki, spki),
    attributes: csr.unusedAttributes.length > 0,
    extensions: extensions !== extensionsOf(requested) || !matchesTemplate(csr.parsedExtensions, requested),
  }
  const wrong = Object.entries(problems).flatMap(([what, isWrong]) => (isWrong ? [what] : []))
  if (wrong.length > 0) throw profileError(`unexpected ${wrong.join(', ')}`)
  return der as CheckedOctets
}

function extensionsOf(requested: CsrTemplate['requested']): string {
  if (requested.kind === 'ca') return 'keyUsage true,basicConstraints true'
  return requested.names.length === 0 ? '' : 'subjectAltName false'
}

function matchesTemplate(parsedExtensions: ParsedExtensions, requested: CsrTemplate['requested']): boolean {
  const { basicConstraints, keyUsage, subjectAltName } = parsedExtensions
  if (requested.kind === 'server')
    return (subjectAltName ?? []).map(formatGeneralName).join() === requested.names.map(formatGeneralName).join()
  const isCa = basicConstraints?.ca === true && basicConstraints.pathLenConstraint === null
  return isCa && keyUsage?.join() === 'keyCertSign,cRLSign'
}

function readStrictly(der: Uint8Array): ReturnType<typeof readRequestInfo> {
  try {
    return readRequestInfo(der)
  } catch (cause) {
    throw profileError(cause instanceof Error ? cause.message : String(cause))
  }
}

function profileError(problem: string): FpkiError {
  return new FpkiError(
    'ERR_PROFILE',
    `Refusing to sign the certificate request: ${problem}.`,
    'Nothing was signed. Report this message (it contains no secrets).',
  )
}
