import { FpkiError } from '../errors.js'
import { members, parseDer, rawDer } from './der.js'
import { type CertificateDraft, type CertificateRequest, extensionsFor, issuerKeyIdentifier } from './draft.js'
import { type Name, sameName } from './name.js'
import type { Profile, ProfileExtension } from './profiles.js'
import { keyIdentifier } from './public-key.js'
import { type Certificate, readTbsCertificate, type TbsCertificate } from './read-certificate.js'

declare const checked: unique symbol

/** A draft that has passed every rule. Only such a draft can be signed: the compiler holds this line. */
export type CheckedDraft = CertificateDraft & { readonly [checked]: true }

/** One thing that must hold before a certificate is signed. */
interface Rule {
  readonly id: string
  /** Where it is written. */
  readonly cite: string
  /** null: it holds; else what is wrong. */
  readonly check: (tbs: TbsCertificate, request: CertificateRequest) => string | null
}

const RULES: readonly Rule[] = [
  {
    id: 'serial-number',
    cite: 'RFC 5280 4.1.2.2; contract.md 6',
    check: ({ serialNumber, serialNumberOctets }) =>
      serialNumber > 0n && serialNumberOctets >= 16 && serialNumberOctets <= 20
        ? null
        : `the serial number is ${serialNumber}, ${serialNumberOctets} octets long`,
  },
  {
    id: 'issuer-is-ca',
    cite: 'RFC 5280 4.2.1.9 and 4.2.1.3',
    check: (_, { issuer }) =>
      issuer === null || (issuer.known.basicConstraints?.ca && issuer.known.keyUsage?.includes('keyCertSign'))
        ? null
        : 'the issuer is not a CA that may sign certificates',
  },
  {
    id: 'issuer-name',
    cite: 'RFC 5280 4.1.2.4',
    check: (tbs, { issuer, subject }) => sameNameOr(tbs.issuer, issuer?.subject ?? subject, 'issuer'),
  },
  {
    id: 'subject-kept',
    cite: 'contract.md 6',
    check: (tbs, { subject }) => sameNameOr(tbs.subject, subject, 'subject'),
  },
  {
    id: 'public-key-kept',
    cite: 'RFC 5280 4.1.2.7',
    check: (tbs, { spki }) => (same(tbs.spki, spki) ? null : 'the public key is not the one asked for'),
  },
  {
    id: 'validity-order',
    cite: 'RFC 5280 4.1.2.5',
    check: ({ notBefore, notAfter }) => (notBefore < notAfter ? null : 'notAfter is not later than notBefore'),
  },
  {
    id: 'validity-within-issuer',
    cite: 'contract.md 6',
    check: ({ notBefore, notAfter }, { issuer }) =>
      issuer === null || (notBefore >= issuer.notBefore && notAfter <= issuer.notAfter)
        ? null
        : 'the certificate would begin before its issuer or outlive it',
  },
  {
    id: 'validity-as-profile',
    cite: 'contract.md 3',
    check: ({ notBefore, notAfter }, { profile, validity }) =>
      sameTime(notBefore, validity.notBefore) && sameTime(notAfter, validity.notAfter) && within(profile, validity)
        ? null
        : `the validity is not the profile's ${profile.years} years`,
  },
  {
    id: 'extensions-as-profile',
    cite: 'contract.md 3',
    check: (tbs, request) => {
      const wanted = extensionsFor(request).map(({ type, critical }) => `${type} ${critical}`)
      const found = tbs.extensions.map(({ type, critical }) => `${type} ${critical}`)
      return wanted.join() === found.join() ? null : `the extensions are ${found.join(', ')}`
    },
  },
  {
    id: 'extension-values-as-profile',
    cite: 'contract.md 3; RFC 5280 4.2.1',
    check: (tbs, request) => {
      const wrong = extensionsFor(request).find((spec) => !valueHolds(spec, tbs, request))
      return wrong === undefined ? null : `${wrong.type} is not as the profile has it`
    },
  },
]

/**
 * Checks a draft against its profile, from its octets and not from what was meant. Throws ERR_PROFILE with the rule
 * that it breaks.
 */
export function checkDraft(draft: CertificateDraft): CheckedDraft {
  const tbs = readDraft(draft)
  for (const rule of RULES) {
    const problem = rule.check(tbs, draft.request)
    if (problem !== null) throw breaksProfile(draft, `${problem} (rule ${rule.id}; ${rule.cite})`)
  }
  return draft as CheckedDraft
}

/**
 * Checks a signed certificate with another implementation, OpenSSL in node:crypto: it says what the draft says, and the
 * signature is by `signerKey` (SubjectPublicKeyInfo, DER). Throws ERR_SIGNATURE.
 */
export function checkCertificate(certificate: Certificate, draft: CheckedDraft, signerKey: Uint8Array): Certificate {
  const { request } = draft
  const { x509 } = certificate
  const issuer = request.issuer ?? certificate
  const isCa = request.profile.extensions.some(({ type }) => type === 'basicConstraints')
  const holds =
    same(issuer.spki, signerKey) &&
    x509.verify(issuer.x509.publicKey) &&
    x509.checkIssued(issuer.x509) &&
    BigInt(`0x${x509.serialNumber}`) === certificate.serialNumber &&
    x509.ca === isCa &&
    same(tbsOf(certificate), draft.tbsCertificate) &&
    sameTime(new Date(x509.validTo), certificate.notAfter)
  if (holds) return certificate
  throw new FpkiError(
    'ERR_SIGNATURE',
    `OpenSSL does not accept the new certificate for ${request.role}: its signature is not by the root key.`,
    'Nothing was written or sent. Check that factory_ca.pem and the root key belong together.',
  )
}

function valueHolds(spec: ProfileExtension, { known }: TbsCertificate, request: CertificateRequest): boolean {
  switch (spec.type) {
    case 'keyUsage':
      return known.keyUsage?.join() === spec.usages.join()
    case 'extKeyUsage':
      return known.extKeyUsage?.join() === spec.purposes.join()
    case 'basicConstraints':
      return known.basicConstraints?.ca === true && known.basicConstraints.pathLenConstraint === spec.pathLenConstraint
    case 'subjectKeyIdentifier':
      return same(known.subjectKeyIdentifier, keyIdentifier(request.spki))
    case 'authorityKeyIdentifier':
      return same(known.authorityKeyIdentifier, issuerKeyIdentifier(request))
    case 'subjectAltName':
      return known.subjectAltName?.map(({ type, value }) => `${type}:${value}`).join() === dnsNamesOf(request)
  }
}

function tbsOf(certificate: Certificate): Uint8Array {
  return rawDer(members(parseDer(certificate.der))[0])
}

function dnsNamesOf({ dnsNames }: CertificateRequest): string {
  return dnsNames.map((name) => `DNS:${name}`).join()
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

function within({ years }: Profile, { notBefore, notAfter }: { notBefore: Date; notAfter: Date }): boolean {
  return notAfter.getUTCFullYear() - notBefore.getUTCFullYear() <= years
}

function sameNameOr(found: Name, wanted: Name, what: string): string | null {
  return sameName(found, wanted) ? null : `the ${what} is not kept octet by octet`
}

function sameTime(a: Date, b: Date): boolean {
  return a.getTime() === b.getTime()
}

function same(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && Buffer.from(a).equals(b)
}
