import type { Curve } from '../ports.js'
import { parseDer, rawDer, readBitString, sequenceMembers } from './der.js'
import type { GeneralName, ParsedExtensions } from './extensions.js'
import { type Name, sameName } from './name.js'
import { equivalentNames } from './name-comparison.js'
import { nameProblem } from './name-strings.js'
import { sameOctets } from './octets.js'
import type { Profile, ProfileExtension } from './profiles.js'
import { keyIdentifier } from './public-key.js'
import type { TbsCertificate } from './read-certificate.js'
import { ECDSA_OF_CURVE } from './signature.js'
import { type CertificateTemplate, extensionsFor, issuerKeyIdentifier } from './template.js'
import { latestEnd, type Validity } from './validity.js'

/** What a TBSCertificate is checked against. */
export interface Intent {
  readonly template: CertificateTemplate
  /** That of the key that signs. */
  readonly curve: Curve
}

/** One thing that must hold before a certificate is signed. */
export interface Rule {
  readonly id: string
  /** Where it is written. */
  readonly cite: string
  /** null: it holds; else what is wrong. */
  readonly check: (tbs: TbsCertificate, intent: Intent) => string | null
}

/** All of them. They look at what the octets say, as fpki's own reader reads them. */
export const RULES: readonly Rule[] = [
  {
    id: 'serial-number',
    cite: 'RFC 5280 4.1.2.2; contract.md 6',
    check: ({ serialNumber, serialNumberOctets }, { template }) =>
      serialNumber > 0n &&
      serialNumberOctets >= 16 &&
      serialNumberOctets <= 20 &&
      serialNumber === BigInt(`0x${Buffer.from(template.serialNumber).toString('hex')}`)
        ? null
        : `the serial number is ${serialNumber}, ${serialNumberOctets} octets long`,
  },
  {
    id: 'signature-algorithm',
    cite: 'RFC 5280 4.1.2.3',
    check: ({ signature, algorithm }, { curve }) =>
      // ECDSA's identifiers have no parameters (RFC 5758, 3.2).
      signature === ECDSA_OF_CURVE[curve] && sequenceMembers(parseDer(algorithm), 1, 2).length === 1
        ? null
        : "the algorithm is not that of the issuer's key",
  },
  {
    id: 'issuer-is-ca',
    cite: 'RFC 5280 4.2.1.9 and 4.2.1.3',
    check: (_, { template: { issuer } }) =>
      issuer === null ||
      (issuer.parsedExtensions.basicConstraints?.ca && issuer.parsedExtensions.keyUsage?.includes('keyCertSign'))
        ? null
        : 'the issuer is not a CA that may sign certificates',
  },
  {
    id: 'issuer-name',
    cite: 'RFC 5280 4.1.2.4',
    check: (tbs, { template: { issuer, subject } }) => sameNameOr(tbs.issuer, issuer?.subject ?? subject, 'issuer'),
  },
  {
    id: 'subject-kept',
    cite: 'contract.md 6',
    check: (tbs, { template: { subject } }) => sameNameOr(tbs.subject, subject, 'subject'),
  },
  {
    id: 'subject-strings',
    cite: 'RFC 5280 4.1.2.4 and appendix A.1',
    check: ({ subject }) => nameProblem(subject),
  },
  {
    id: 'subject-not-issuer',
    cite: 'RFC 5280 7.1 and 6.1.3',
    check: (tbs, { template: { issuer } }) =>
      issuer === null || !equivalentNames(tbs.subject, issuer.subject)
        ? null
        : "the subject is the issuer's own name, in these or other letters",
  },
  {
    id: 'public-key-kept',
    cite: 'RFC 5280 4.1.2.7',
    check: (tbs, { template: { spki } }) =>
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
    check: ({ notBefore, notAfter }, { template: { issuer } }) =>
      issuer === null || (notBefore >= issuer.notBefore && notAfter <= issuer.notAfter)
        ? null
        : 'the certificate would begin before its issuer or outlive it',
  },
  {
    id: 'validity-as-profile',
    cite: 'contract.md 3',
    check: ({ notBefore, notAfter }, { template: { profile, validity } }) =>
      sameTime(notBefore, validity.notBefore) && sameTime(notAfter, validity.notAfter) && within(profile, validity)
        ? null
        : `the validity is not the profile's ${profile.years} years`,
  },
  {
    id: 'extensions-as-profile',
    cite: 'contract.md 3',
    check: (tbs, { template }) => {
      const wanted = extensionsFor(template).map(({ type, critical }) => `${type} ${critical}`)
      const found = tbs.extensions.map(({ type, critical }) => `${type} ${critical}`)
      return wanted.join() === found.join() ? null : `the extensions are ${found.join(', ')}`
    },
  },
  {
    id: 'extension-values-as-profile',
    cite: 'contract.md 3; RFC 5280 4.2.1',
    check: (tbs, { template }) => {
      const wrong = extensionsFor(template).find(
        (spec, at) =>
          !matchesTemplate(spec, tbs.parsedExtensions, template) || !isShortest(spec.type, tbs.extensions[at]?.value),
      )
      return wrong === undefined ? null : `${wrong.type} is not as the profile has it`
    },
  },
]

function matchesTemplate(
  spec: ProfileExtension,
  parsedExtensions: ParsedExtensions,
  template: CertificateTemplate,
): boolean {
  switch (spec.type) {
    case 'keyUsage':
      return parsedExtensions.keyUsage?.join() === spec.usages.join()
    case 'extKeyUsage':
      return parsedExtensions.extKeyUsage?.join() === spec.purposes.join()
    case 'basicConstraints':
      return (
        parsedExtensions.basicConstraints?.ca === true &&
        parsedExtensions.basicConstraints.pathLenConstraint === spec.pathLenConstraint
      )
    case 'subjectKeyIdentifier':
      return sameOctets(parsedExtensions.subjectKeyIdentifier, keyIdentifier(template.spki))
    case 'authorityKeyIdentifier':
      return sameOctets(parsedExtensions.authorityKeyIdentifier, issuerKeyIdentifier(template))
    case 'subjectAltName':
      return sameNames(parsedExtensions.subjectAltName ?? [], template.names)
  }
}

/** What the decoded value does not show: bits and members that mean nothing, or that no profile has. */
function isShortest(type: ProfileExtension['type'], value: Uint8Array = new Uint8Array()): boolean {
  const der = parseDer(value)
  // X.690, 11.2.2: a list of named bits ends with a bit that is set.
  if (type === 'keyUsage') return ((readBitString(der).at(-1) ?? 0) >> (der.content[0] ?? 0)) % 2 === 1
  // The keyIdentifier alone, as fioctl has it.
  return type !== 'authorityKeyIdentifier' || rawDer(sequenceMembers(der, 1, 3)[0]).length === der.content.length
}

function sameNames(a: readonly GeneralName[], b: readonly GeneralName[]): boolean {
  return a.length === b.length && a.every(({ type, value }, at) => type === b[at]?.type && value === b[at]?.value)
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
