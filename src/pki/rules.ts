import {
  type CertificateDraft,
  type CertificateRequest,
  extensionsFor,
  extensionValue,
  issuerKeyIdentifier,
} from './draft.js'
import { formatGeneralName } from './extensions.js'
import { type Name, sameName } from './name.js'
import { equivalentNames } from './name-comparison.js'
import { sameOctets } from './octets.js'
import type { Profile, ProfileExtension } from './profiles.js'
import { keyIdentifier } from './public-key.js'
import type { TbsCertificate } from './read-certificate.js'
import { latestEnd, type Validity } from './validity.js'

/** One thing that must hold before a certificate is signed. */
export interface Rule {
  readonly id: string
  /** Where it is written. */
  readonly cite: string
  /** null: it holds; else what is wrong. */
  readonly check: (tbs: TbsCertificate, draft: CertificateDraft) => string | null
}

/** All of them. They look at what the draft's octets say, not at what was meant. */
export const RULES: readonly Rule[] = [
  {
    id: 'serial-number',
    cite: 'RFC 5280 4.1.2.2; contract.md 6',
    check: ({ serialNumber, serialNumberOctets }) =>
      serialNumber > 0n && serialNumberOctets >= 16 && serialNumberOctets <= 20
        ? null
        : `the serial number is ${serialNumber}, ${serialNumberOctets} octets long`,
  },
  {
    id: 'signature-algorithm',
    cite: 'RFC 5280 4.1.2.3',
    check: (tbs, { algorithm }) =>
      sameOctets(tbs.algorithm, algorithm) ? null : "the algorithm is not that of the issuer's key",
  },
  {
    id: 'issuer-is-ca',
    cite: 'RFC 5280 4.2.1.9 and 4.2.1.3',
    check: (_, { request: { issuer } }) =>
      issuer === null || (issuer.known.basicConstraints?.ca && issuer.known.keyUsage?.includes('keyCertSign'))
        ? null
        : 'the issuer is not a CA that may sign certificates',
  },
  {
    id: 'issuer-name',
    cite: 'RFC 5280 4.1.2.4',
    check: (tbs, { request: { issuer, subject } }) => sameNameOr(tbs.issuer, issuer?.subject ?? subject, 'issuer'),
  },
  {
    id: 'subject-kept',
    cite: 'contract.md 6',
    check: (tbs, { request: { subject } }) => sameNameOr(tbs.subject, subject, 'subject'),
  },
  {
    id: 'subject-not-issuer',
    cite: 'RFC 5280 7.1 and 6.1.3',
    check: (tbs, { request: { issuer } }) =>
      issuer === null || !equivalentNames(tbs.subject, issuer.subject)
        ? null
        : "the subject is the issuer's own name, in these or other letters",
  },
  {
    id: 'public-key-kept',
    cite: 'RFC 5280 4.1.2.7',
    check: (tbs, { request: { spki } }) =>
      sameOctets(tbs.spki, spki) ? null : 'the public key is not the one asked for',
  },
  {
    id: 'validity-order',
    cite: 'RFC 5280 4.1.2.5',
    check: ({ notBefore, notAfter }) => (notBefore < notAfter ? null : 'notAfter is not later than notBefore'),
  },
  {
    id: 'validity-within-issuer',
    cite: 'contract.md 6',
    check: ({ notBefore, notAfter }, { request: { issuer } }) =>
      issuer === null || (notBefore >= issuer.notBefore && notAfter <= issuer.notAfter)
        ? null
        : 'the certificate would begin before its issuer or outlive it',
  },
  {
    id: 'validity-as-profile',
    cite: 'contract.md 3',
    check: ({ notBefore, notAfter }, { request: { profile, validity } }) =>
      sameTime(notBefore, validity.notBefore) && sameTime(notAfter, validity.notAfter) && within(profile, validity)
        ? null
        : `the validity is not the profile's ${profile.years} years`,
  },
  {
    id: 'extensions-as-profile',
    cite: 'contract.md 3',
    check: (tbs, { request }) => {
      const wanted = extensionsFor(request).map(({ type, critical }) => `${type} ${critical}`)
      const found = tbs.extensions.map(({ type, critical }) => `${type} ${critical}`)
      return wanted.join() === found.join() ? null : `the extensions are ${found.join(', ')}`
    },
  },
  {
    id: 'extension-values-as-profile',
    cite: 'contract.md 3; RFC 5280 4.2.1',
    check: (tbs, { request }) => {
      const wrong = extensionsFor(request).find(
        (spec, at) =>
          !valueHolds(spec, tbs, request) ||
          !sameOctets(tbs.extensions[at]?.value ?? null, extensionValue(spec, request)),
      )
      return wrong === undefined ? null : `${wrong.type} is not as the profile has it`
    },
  },
]

function valueHolds(spec: ProfileExtension, { known }: TbsCertificate, request: CertificateRequest): boolean {
  switch (spec.type) {
    case 'keyUsage':
      return known.keyUsage?.join() === spec.usages.join()
    case 'extKeyUsage':
      return known.extKeyUsage?.join() === spec.purposes.join()
    case 'basicConstraints':
      return known.basicConstraints?.ca === true && known.basicConstraints.pathLenConstraint === spec.pathLenConstraint
    case 'subjectKeyIdentifier':
      return sameOctets(known.subjectKeyIdentifier, keyIdentifier(request.spki))
    case 'authorityKeyIdentifier':
      return sameOctets(known.authorityKeyIdentifier, issuerKeyIdentifier(request))
    case 'subjectAltName':
      return known.subjectAltName?.map(formatGeneralName).join() === request.names.map(formatGeneralName).join()
  }
}

function within({ years }: Profile, { notBefore, notAfter }: Validity): boolean {
  return notAfter <= latestEnd(notBefore, years)
}

function sameNameOr(found: Name, wanted: Name, what: string): string | null {
  return sameName(found, wanted) ? null : `the ${what} is not kept octet by octet`
}

/** Are they the same moment? */
export function sameTime(a: Date, b: Date): boolean {
  return a.getTime() === b.getTime()
}
