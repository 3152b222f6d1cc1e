import { FpkiError } from '../errors.js'
import { parseDer, rawDer, sequenceMembers } from './der.js'
import type { CertificateDraft } from './draft.js'
import { sameOctets } from './octets.js'
import { pathFault } from './path-validation/validate.js'
import { type Certificate, readCertificate, readTbsCertificate, type TbsCertificate } from './read-certificate.js'
import { RULES, sameTime } from './rules.js'

declare const checked: unique symbol

/** A draft that has passed every rule. Only such a draft can be signed: the compiler holds this line. */
export type CheckedDraft = CertificateDraft & { readonly [checked]: true }

/**
 * Checks a draft against its profile, from its octets and not from what was meant; and that it would be valid below its
 * issuer (RFC 5280, 6.1). Throws ERR_PROFILE with the rule that it breaks, or ERR_CONSTRAINTS.
 */
export function checkDraft(draft: CertificateDraft): CheckedDraft {
  const tbs = readDraft(draft)
  for (const rule of RULES) {
    const problem = rule.check(tbs, draft)
    if (problem !== null) throw breaksProfile(draft, `${problem} (rule ${rule.id}; ${rule.cite})`)
  }
  const { issuer, role, validity } = draft.request
  const fault = issuer === null ? null : pathFault([issuer, tbs], validity.notBefore)
  if (fault !== null) throw outsideConstraints(role, fault)
  return draft as CheckedDraft
}

/**
 * Checks a signed certificate (DER) with another implementation, OpenSSL in node:crypto: it says what the draft says,
 * and the signature is by `signerKey` (SubjectPublicKeyInfo, DER). Throws ERR_SIGNATURE.
 */
export function checkCertificate(der: Uint8Array, draft: CheckedDraft, signerKey: Uint8Array): Certificate {
  const certificate = readSigned(der, draft)
  const { request } = draft
  const { x509 } = certificate
  const issuer = request.issuer ?? certificate
  const isCa = request.profile.extensions.some(({ type }) => type === 'basicConstraints')
  const holds =
    sameOctets(issuer.spki, signerKey) &&
    x509.verify(issuer.x509.publicKey) &&
    x509.checkIssued(issuer.x509) &&
    BigInt(`0x${x509.serialNumber}`) === certificate.serialNumber &&
    x509.ca === isCa &&
    sameOctets(tbsOf(certificate), draft.tbsCertificate) &&
    sameTime(new Date(x509.validTo), certificate.notAfter)
  if (!holds) throw badSignature(draft)
  return certificate
}

/** The error for a certificate that clients would reject because of what the CA that is to sign it says of itself. */
export function outsideConstraints(role: string, fault: string): FpkiError {
  return new FpkiError(
    'ERR_CONSTRAINTS',
    `Refusing to sign ${role}: it would not be valid below its CA: ${fault}.`,
    'Nothing was signed. Ask for names that the CA allows, or use a root whose constraints allow them: see `openssl x509 -text`.',
  )
}

function readSigned(der: Uint8Array, draft: CheckedDraft): Certificate {
  try {
    return readCertificate(der, draft.request.role)
  } catch (cause) {
    throw badSignature(draft, cause)
  }
}

function badSignature({ request }: CertificateDraft, cause?: unknown): FpkiError {
  return new FpkiError(
    'ERR_SIGNATURE',
    `OpenSSL does not accept the new certificate for ${request.role}: its signature is not by the root key.`,
    'Nothing was written or sent. Check that factory_ca.pem and the root key belong together.',
    { cause },
  )
}

function tbsOf(certificate: Certificate): Uint8Array {
  return rawDer(sequenceMembers(parseDer(certificate.der), 3)[0])
}

function readDraft(draft: CertificateDraft): TbsCertificate {
  try {
    return readTbsCertificate(draft.tbsCertificate)
  } catch (cause) {
    throw breaksProfile(draft, cause instanceof Error ? cause.message : String(cause))
  }
}

function breaksProfile({ request }: CertificateDraft, problem: string): FpkiError {
  return new FpkiError(
    'ERR_PROFILE',
    `The certificate for ${request.role} was not signed, because it would not be a ${request.profile.name}: ${problem}.`,
    'Nothing was signed. Check the clock of this machine; if it is right, report this message, which holds no secret.',
  )
}
