import { FpkiError } from '../errors.js'
import type { CheckedOctets, Curve } from '../ports.js'
import { parseDer, rawDer, sequenceMembers } from './der.js'
import { pathFault } from './path-validation/validate.js'
import { sameSpki } from './public-key.js'
import { type Certificate, readCertificate, readTbsCertificate, type TbsCertificate } from './read-certificate.js'
import { RULES, sameTime } from './rules.js'
import type { CertificateTemplate } from './template.js'

/**
 * Checks a TBSCertificate (DER) against its template and profile, and that it would be valid below its issuer (RFC 5280,
 * 6.1). It is read again with fpki's own strict reader, which shares no code with the library that wrote it.
 *
 * @param curve that of the key that is to sign it
 * @throws FpkiError ERR_PROFILE with the rule that it breaks; ERR_CONSTRAINTS
 */
export function checkTbsCertificate(der: Uint8Array, template: CertificateTemplate, curve: Curve): CheckedOctets {
  const tbs = readStrictly(der, template)
  for (const rule of RULES) {
    const problem = rule.check(tbs, { template, curve })
    if (problem !== null) throw breaksProfile(template, `${problem} (rule ${rule.id}; ${rule.cite})`)
  }
  const { issuer, role, validity } = template
  const fault = issuer === null ? null : pathFault([issuer, tbs], validity.notBefore)
  if (fault !== null) throw outsideConstraints(role, fault)
  return der as CheckedOctets
}

/**
 * Checks a signed certificate (DER) with fpki's own reader and with OpenSSL (node:crypto): both read what the template
 * says, and the signature is by `signer`. Throws ERR_SIGNATURE.
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
    x509.checkIssued(issuer.x509) &&
    BigInt(`0x${x509.serialNumber}`) === certificate.serialNumber &&
    x509.ca === isCa &&
    sameTime(new Date(x509.validTo), certificate.notAfter)
  if (!isValid) throw badSignature(template)
  return certificate
}

/** The error for a certificate that clients would reject because of what the CA that is to sign it says of itself. */
function outsideConstraints(role: string, fault: string): FpkiError {
  return new FpkiError(
    'ERR_CONSTRAINTS',
    `Refusing to sign ${role}: it would not be valid below its CA: ${fault}.`,
    'Nothing was signed. Ask for names that the CA allows, or use a root whose constraints allow them: see `openssl x509 -text`.',
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
    `OpenSSL does not accept the new certificate for ${role}: its signature is not by the root key.`,
    'Nothing was written or sent. Check that factory_ca.pem and the root key belong together.',
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
    `The certificate for ${role} was not signed, because it would not be a ${profile.name}: ${problem}.`,
    'Nothing was signed. Check the clock of this machine; if it is right, report this message, which holds no secret.',
  )
}
