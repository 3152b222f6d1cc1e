import { FpkiError } from '../errors.js'
import type { CheckedOctets, Curve } from '../ports.js'
import { parseDer, rawDer, sequenceMembers } from './der.js'
import { pathFault } from './path-validation/validate.js'
import { sameSpki } from './public-key.js'
import { type Certificate, readCertificate, readTbsCertificate, type TbsCertificate } from './read-certificate.js'
import { RULES, sameTime } from './rules.js'
import type { CertificateTemplate } from './template.js'

/**
 * Checks a TBSCertificate (DER) against its template and profile, and that its path would validate (RFC 5280, 6.1). fpki's
 * own strict parser reads it, which shares no code with the library that encoded it.
 *
 * @param curve the curve of the signing key
 * @throws FpkiError ERR_PROFILE with the violated rule; ERR_CONSTRAINTS
 */
export function checkTbsCertificate(der: Uint8Array, template: CertificateTemplate, curve: Curve): CheckedOctets {
  const tbs = readStrictly(der, template)
  for (const rule of RULES) {
    const problem = rule.check(tbs, { template, curve })
    if (problem !== null) throw breaksProfile(template, `${problem} (rule ${rule.id}; ${rule.cite})`)
  }
  const { issuer, role, validity } = template
  const fault = issuer === null ? null : pathFault([issuer, tbs], validity.notBefore)
  if (fault !== null) throw constraintsError(role, fault)
  return der as CheckedOctets
}

/**
 * Checks a signed certificate (DER) with fpki's own parser and with OpenSSL (node:crypto): both must agree with the
 * template, and `signer` must have signed it. Throws ERR_SIGNATURE.
 */
export function checkCertificate(
  der: Uint8Array,
  template: CertificateTemplate,
  signer: { readonly spki: Uint8Array; readonly algorithm: { readonly curve: Curve } },
): Certificate {
  const certificate = readSigned(der, template)
  checkTbsCertificate(tbsOf(certificate), template, signer.algorithm.curve)
  const { x509 } = certificate
  const issuer = template.issuer ?? certificate
  const isCa = template.profile.extensions.some(({ type }) => type === 'basicConstraints')
  const isValid =
    sameSpki(issuer.spki, signer.spki) &&
    x509.verify(issuer.x509.publicKey) &&
    // OpenSSL calls no certificate its own issuer that may not sign certificates.
    ((template.issuer === null && !isCa) || x509.checkIssued(issuer.x509)) &&
    BigInt(`0x${x509.serialNumber}`) === certificate.serialNumber &&
    x509.ca === isCa &&
    sameTime(new Date(x509.validTo), certificate.notAfter)
  if (!isValid) throw badSignature(template)
  return certificate
}

/** The error for a certificate that clients would reject because of constraints in the issuer's certificate. */
function constraintsError(role: string, fault: string): FpkiError {
  return new FpkiError(
    'ERR_CONSTRAINTS',
    `Refusing to sign ${role}: clients would reject it: ${fault}.`,
    "Nothing was signed. Request names that the issuer's constraints permit (`openssl x509 -text` shows them), or use another root.",
  )
}

function readSigned(der: Uint8Array, template: CertificateTemplate): Certificate {
  try {
    return readCertificate(der, template.role)
  } catch (cause) {
    throw badSignature(template, cause)
  }
}

function badSignature({ role }: CertificateTemplate, cause?: unknown): FpkiError {
  return new FpkiError(
    'ERR_SIGNATURE',
    `Refusing the new certificate for ${role}: its signature does not verify with the root key.`,
    'Nothing was written or sent. Check that the root key is the key of factory_ca.pem.',
    { cause },
  )
}

function tbsOf(certificate: Certificate): Uint8Array {
  return rawDer(sequenceMembers(parseDer(certificate.der), 3)[0])
}

function readStrictly(der: Uint8Array, template: CertificateTemplate): TbsCertificate {
  try {
    return readTbsCertificate(der)
  } catch (cause) {
    throw breaksProfile(template, cause instanceof Error ? cause.message : String(cause))
  }
}

function breaksProfile({ role, profile }: CertificateTemplate, problem: string): FpkiError {
  return new FpkiError(
    'ERR_PROFILE',
    `Refusing to sign ${role}: not a valid ${profile.name} certificate: ${problem}.`,
    'Nothing was signed. Check the clock of this machine; if it is correct, report this message (it contains no secrets).',
  )
}
