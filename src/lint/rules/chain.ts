import { sameName } from '../../pki/name.js'
import { sameOctets } from '../../pki/octets.js'
import type { LintCertificate, Role } from '../model.js'
import { always, type CertificateRule, inRole, unless } from '../rule.js'
import { verifies } from '../signature.js'

const BELOW_A_ROOT: readonly Role[] = ['device-ca', 'tls']

/** Rules about key identifiers and the issuer. */
export const CHAIN_RULES: readonly CertificateRule[] = [
  {
    code: 'ca-subject-key-id-missing',
    severity: 'error',
    onRoot: 'warning',
    cite: 'RFC 5280 4.2.1.2',
    applies: inRole('root', 'cross', 'device-ca'),
    check: ({ parsedExtensions }) =>
      unless(parsedExtensions.subjectKeyIdentifier !== null, 'it is a CA without subjectKeyIdentifier'),
  },
  {
    code: 'ca-subject-key-id-not-sha1',
    severity: 'warning',
    cite: 'docs/profile.md#key-identifiers; RFC 5280 4.2.1.2',
    applies: (item) => inRole('device-ca')(item) && item.parsedExtensions.subjectKeyIdentifier !== null,
    check: ({ parsedExtensions, key: { identifier } }) =>
      unless(
        identifier === null || sameOctets(parsedExtensions.subjectKeyIdentifier, identifier),
        'its subjectKeyIdentifier is not the SHA-1 of its key, so OpenSSL and nginx reject devices ' +
          'whose certificates were issued with an authorityKeyIdentifier computed from that key ' +
          '(unable to get local issuer certificate)',
      ),
  },
  {
    code: 'subject-key-id-missing',
    severity: 'warning',
    cite: 'docs/profile.md#key-identifiers; RFC 5280 4.2.1.2',
    applies: inRole('tls'),
    check: ({ parsedExtensions }) =>
      unless(parsedExtensions.subjectKeyIdentifier !== null, 'it has no subjectKeyIdentifier'),
  },
  {
    code: 'authority-key-id-missing',
    severity: 'error',
    onRoot: 'warning',
    cite: 'docs/profile.md#key-identifiers; RFC 5280 4.2.1.1',
    applies: (item) => inRole('cross')(item) || !isSelfIssued(item),
    check: ({ parsedExtensions }) =>
      unless(parsedExtensions.authorityKeyIdentifier !== null, 'it has no authorityKeyIdentifier'),
  },
  {
    code: 'authority-key-id-wrong',
    severity: 'error',
    cite: 'RFC 5280 4.2.1.1',
    applies: ({ parsedExtensions }) => parsedExtensions.authorityKeyIdentifier !== null,
    check: (certificate, { issuerOf }) => {
      const issuer = issuerOf(certificate)
      const [actual, expected] = [
        certificate.parsedExtensions.authorityKeyIdentifier,
        issuer?.parsedExtensions.subjectKeyIdentifier ?? null,
      ]
      if (actual === null || expected === null) return null
      return unless(
        sameOctets(actual, expected),
        `its authorityKeyIdentifier does not match the subjectKeyIdentifier of its issuer, ${issuer?.place.file}`,
      )
    },
  },
  {
    code: 'key-id-critical',
    severity: 'error',
    cite: 'RFC 5280 4.2.1.1 and 4.2.1.2',
    applies: always,
    check: ({ extensions }) =>
      unless(
        !extensions.some(({ type, critical }) => critical && type.endsWith('KeyIdentifier')),
        'a key identifier is critical',
      ),
  },
  {
    code: 'issuer-unknown',
    severity: 'notice',
    cite: 'RFC 5280 6.1',
    applies: always,
    check: (certificate, { issuerOf, roots }) =>
      unless(
        issuerOf(certificate) !== null || isNotByRoot(certificate, roots),
        'its issuer is not among the files, so its signature and other properties that depend on the issuer were not checked',
      ),
  },
  {
    code: 'not-by-root',
    severity: 'error',
    cite: 'docs/profile.md#hierarchy',
    applies: inRole(...BELOW_A_ROOT),
    check: (certificate, { roots }) =>
      unless(!isNotByRoot(certificate, roots), `its issuer is not the root in ${roots[0]?.place.file}`),
  },
  {
    code: 'signature-wrong',
    severity: 'error',
    cite: 'RFC 5280 6.1.3',
    applies: always,
    check: (certificate, { issuerOf }) => {
      const issuer = issuerOf(certificate)
      if (issuer === null || verifies(certificate, issuer.key.object) !== false) return null
      return `its signature does not verify with the key of its issuer, ${issuer.place.file}`
    },
  },
  {
    code: 'issuer-not-ca',
    severity: 'error',
    cite: 'RFC 5280 4.2.1.9 and 4.2.1.3',
    applies: (item) => !isSelfIssued(item),
    check: (certificate, { issuerOf }) => {
      const issuer = issuerOf(certificate)
      const isCa =
        issuer?.parsedExtensions.basicConstraints?.ca &&
        issuer.parsedExtensions.keyUsage?.includes('keyCertSign') !== false
      return unless(issuer === null || isCa === true, `its issuer, ${issuer?.place.file}, is not a CA with keyCertSign`)
    },
  },
  {
    code: 'begins-before-issuer',
    severity: 'warning',
    cite: 'docs/profile.md#validity',
    applies: always,
    check: (certificate, { issuerOf }) => {
      const issuer = issuerOf(certificate)
      return unless(
        issuer === null || !(certificate.notBefore.time < issuer.notBefore.time),
        `it is valid before its issuer, ${issuer?.place.file}`,
      )
    },
  },
  {
    code: 'outlives-issuer',
    severity: 'warning',
    cite: 'docs/profile.md#validity',
    applies: always,
    check: (certificate, { issuerOf }) => {
      const issuer = issuerOf(certificate)
      return unless(
        issuer === null || !(certificate.notAfter.time > issuer.notAfter.time),
        `it is valid longer than its issuer, ${issuer?.place.file}`,
      )
    },
  },
  {
    code: 'serial-twice',
    severity: 'error',
    cite: 'RFC 5280 4.1.2.2',
    applies: always,
    check: (certificate, { earlierWithSerial }) => {
      const earlier = earlierWithSerial(certificate)
      return unless(earlier === null, `its issuer used the same serial number for ${earlier?.place.file}`)
    },
  },
]

function isSelfIssued({ subject, issuer }: LintCertificate): boolean {
  return sameName(subject, issuer)
}

/** Whether there are roots, but none is the issuer of this CA or server certificate. */
function isNotByRoot({ role, issuer }: LintCertificate, roots: readonly LintCertificate[]): boolean {
  const isBelow = role !== null && BELOW_A_ROOT.includes(role)
  return isBelow && roots.length > 0 && !roots.some(({ subject }) => sameName(subject, issuer))
}
