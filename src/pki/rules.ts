import type { Curve } from '../ports.js'
import { serialToHex } from '../serial-hex.js'
import { contentOf, parseDer, rawDer, readBitString, sequenceMembers } from './der.js'
import type { GeneralName, ParsedExtensions } from './extensions.js'
import { type Name, sameName } from './name.js'
import { equivalentNames } from './name-comparison.js'
import { nameProblem } from './name-strings.js'
import { sameOctets } from './octets.js'
import { lifetimeOf, lifetimeText, type Profile, type ProfileExtension } from './profiles.js'
import { sameSpki } from './public-key.js'
import type { TbsCertificate } from './read-certificate.js'
import { MAX_SERIAL_OCTETS } from './serial.js'
import { ECDSA_OF_CURVE } from './signature.js'
import { type CertificateTemplate, extensionsFor, issuerKeyIdentifier, subjectKeyIdentifier } from './template.js'
import { latestEnd, type Validity } from './validity.js'

/** What a TBSCertificate should be. */
interface Intent {
  readonly template: CertificateTemplate
  /** The curve of the signing key. */
  readonly curve: Curve
}

/** A condition for signing a certificate. */
export interface Rule {
  readonly id: string
  /** Its source. */
  readonly cite: string
  /** Returns what is wrong; null when the rule is met. */
  readonly check: (tbs: TbsCertificate, intent: Intent) => string | null
}

/** All rules. They check the encoded octets as fpki's own parser reads them. */
export const RULES: readonly Rule[] = [
  {
    id: 'serial-number',
    cite: 'RFC 5280 4.1.2.2; docs/profile.md#serial-numbers',
    check: ({ serialNumber, serialNumberOctets }, { template }) =>
      serialNumber > 0n &&
      serialNumberOctets >= 16 &&
      serialNumberOctets <= MAX_SERIAL_OCTETS &&
      serialNumber === BigInt(`0x${Buffer.from(template.serialNumber).toString('hex')}`)
        ? null
        : `unexpected serial number ${serialToHex(serialNumber)} (${serialNumberOctets} octets)`,
  },
  {
    id: 'signature-algorithm',
    cite: 'RFC 5280 4.1.2.3',
    check: ({ signature, algorithm }, { curve }) =>
      // ECDSA's identifiers have no parameters (RFC 5758, 3.2).
      signature === ECDSA_OF_CURVE[curve] && sequenceMembers(parseDer(algorithm), 1, 2).length === 1
        ? null
        : "the signature algorithm does not match the issuer's key",
  },
  {
    id: 'issuer-is-ca',
    cite: 'RFC 5280 4.2.1.9 and 4.2.1.3',
    check: (_, { template: { issuer } }) =>
      issuer === null ||
      (issuer.parsedExtensions.basicConstraints?.ca && issuer.parsedExtensions.keyUsage?.includes('keyCertSign'))
        ? null
        : 'the issuer is not a CA with keyCertSign',
  },
  {
    id: 'issuer-name',
    cite: 'RFC 5280 4.1.2.4',
    check: (tbs, { template: { issuer, subject } }) => sameNameOr(tbs.issuer, issuer?.subject ?? subject, 'issuer'),
  },
  {
    id: 'subject-kept',
    cite: 'docs/profile.md#subjects',
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
    check: (tbs, { template: { issuer, profile } }) =>
      issuer === null || profile.maySelfIssue || !equivalentNames(tbs.subject, issuer.subject)
        ? null
        : "the subject equals the issuer's name (case and string types do not matter)",
  },
  {
    id: 'key-not-issuer',
    cite: 'RFC 5280 3.2',
    check: ({ spki }, { template: { issuer, profile } }) =>
      issuer === null || !profile.maySelfIssue || !sameSpki(spki, issuer.spki)
        ? null
        : "the public key is the issuer's own",
  },
  {
    id: 'public-key-kept',
    cite: 'RFC 5280 4.1.2.7',
    check: (tbs, { template: { spki } }) =>
      sameOctets(tbs.spki, spki) ? null : 'the public key is not the requested one',
  },
  {
    id: 'validity-order',
    cite: 'RFC 5280 4.1.2.5',
    check: ({ notBefore, notAfter }) => (notBefore < notAfter ? null : 'notAfter is not later than notBefore'),
  },
  {
    id: 'validity-within-issuer',
    cite: 'docs/profile.md#validity',
    check: ({ notBefore, notAfter }, { template: { issuer } }) =>
      issuer === null || (notBefore >= issuer.notBefore && notAfter <= issuer.notAfter)
        ? null
        : 'the certificate would be valid before or after its issuer',
  },
  {
    id: 'validity-as-profile',
    cite: 'docs/profile.md#validity',
    check: ({ notBefore, notAfter }, { template: { profile, validity } }) =>
      sameTime(notBefore, validity.notBefore) && sameTime(notAfter, validity.notAfter) && within(profile, validity)
        ? null
        : `the validity is not the profile's ${lifetimeText(profile)}`,
  },
  {
    id: 'extensions-as-profile',
    cite: 'docs/profile.md#extensions',
    check: (tbs, { template }) => {
      const expected = extensionsFor(template).map(({ type, critical }) => `${type} ${critical}`)
      const actual = tbs.extensions.map(({ type, critical }) => `${type} ${critical}`)
      return expected.join() === actual.join() ? null : `unexpected extensions: ${actual.join(', ')}`
    },
  },
  {
    id: 'extension-values-as-profile',
    cite: 'docs/profile.md#extensions; RFC 5280 4.2.1',
    check: (tbs, { template }) => {
      const wrong = extensionsFor(template).find(
        (spec, at) =>
          !matchesTemplate(spec, tbs.parsedExtensions, template) || !isShortest(spec.type, tbs.extensions[at]?.value),
      )
      return wrong === undefined ? null : `${wrong.type} does not match the profile`
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
      return sameOctets(parsedExtensions.subjectKeyIdentifier, subjectKeyIdentifier(template))
    case 'authorityKeyIdentifier':
      return sameOctets(parsedExtensions.authorityKeyIdentifier, issuerKeyIdentifier(template))
    case 'subjectAltName':
      return sameNames(parsedExtensions.subjectAltName ?? [], template.names)
    case 'id-pkix-ocsp-nocheck':
      // It has no value to compare: see isShortest.
      return true
  }
}

/** Whether the encoding contains no more than the decoded value: no trailing zero bits, no additional members. */
function isShortest(type: ProfileExtension['type'], value: Uint8Array = new Uint8Array()): boolean {
  const der = parseDer(value)
  if (type === 'id-pkix-ocsp-nocheck') return contentOf(der, 'null').length === 0
  // X.690, 11.2.2: a named bit list ends with a bit that is set.
  if (type === 'keyUsage') return ((readBitString(der).at(-1) ?? 0) >> (der.content[0] ?? 0)) % 2 === 1
  // Only the keyIdentifier, like fioctl.
  return type !== 'authorityKeyIdentifier' || rawDer(sequenceMembers(der, 1, 3)[0]).length === der.content.length
}

function sameNames(a: readonly GeneralName[], b: readonly GeneralName[]): boolean {
  return a.length === b.length && a.every(({ type, value }, at) => type === b[at]?.type && value === b[at]?.value)
}

function within(profile: Profile, { notBefore, notAfter }: Validity): boolean {
  return notAfter <= latestEnd(notBefore, lifetimeOf(profile))
}

function sameNameOr(actual: Name, expected: Name, what: string): string | null {
  return sameName(actual, expected) ? null : `the ${what} was not copied exactly`
}

/** Whether two dates are the same time. */
export function sameTime(a: Date, b: Date): boolean {
  return a.getTime() === b.getTime()
}
