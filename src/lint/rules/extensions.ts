import { PROCESSED_EXTENSIONS } from '../../pki/path-validation/validate.js'
import type { ProfileExtension } from '../../pki/profiles.js'
import type { LintCertificate, Role } from '../model.js'
import { PROFILE_OF } from '../role.js'
import { always, type CertificateRule, inRole, listed, unless } from '../rule.js'

const CAS: readonly Role[] = ['root', 'device-ca']

/** basicConstraints, keyUsage, extKeyUsage, and what no profile has. */
export const EXTENSION_RULES: readonly CertificateRule[] = [
  {
    code: 'critical-extension',
    severity: 'error',
    cite: 'RFC 5280 4.2',
    applies: always,
    check: ({ extensions }) =>
      listed(
        extensions
          .filter(({ type, critical }) => critical && !PROCESSED_EXTENSIONS.includes(type))
          .map(({ type }) => type),
        (types) => `it has a critical extension that fpki does not know, and others may not either: ${types}`,
      ),
  },
  {
    code: 'extension-extra',
    severity: 'notice',
    cite: 'contract.md 3',
    applies: ({ role }) => role !== null,
    check: (certificate) => {
      const wanted: readonly string[] = [...specsOf(certificate).map(({ type }) => type), 'subjectKeyIdentifier']
      // An AKI that repeats the SKI of a root is what most tools write, and the others have rules of their own.
      const told = ['basicConstraints', 'extKeyUsage', 'authorityKeyIdentifier']
      return listed(
        certificate.extensions.map(({ type }) => type).filter((type) => ![...wanted, ...told].includes(type)),
        (types) => `a certificate of its kind does not have ${types}`,
      )
    },
  },
  {
    code: 'basic-constraints-missing',
    severity: 'error',
    cite: 'RFC 5280 4.2.1.9',
    applies: inRole(...CAS),
    check: ({ parsedExtensions }) =>
      unless(parsedExtensions.basicConstraints?.ca === true, 'it is not marked as a CA (basicConstraints CA:TRUE)'),
  },
  {
    code: 'basic-constraints-not-critical',
    severity: 'error',
    onRoot: 'warning',
    cite: 'RFC 5280 4.2.1.9',
    applies: inRole(...CAS),
    check: (certificate) => criticality(certificate, 'basicConstraints'),
  },
  {
    code: 'path-length',
    severity: 'error',
    cite: 'contract.md 3; RFC 5280 4.2.1.9',
    applies: (item) => inRole(...CAS)(item) && item.parsedExtensions.basicConstraints?.ca === true,
    check: ({ role, parsedExtensions }) => {
      const length = parsedExtensions.basicConstraints?.pathLenConstraint ?? null
      if (role === 'root') return unless(length !== 0, 'its path length is 0, so that no device CA below it holds')
      return unless(length === 0, `its path length is ${length ?? 'not limited'}; that of a device CA is 0`)
    },
  },
  {
    code: 'ca-on-tls',
    severity: 'error',
    cite: 'contract.md 3; RFC 5280 4.2.1.9',
    applies: inRole('tls'),
    check: ({ parsedExtensions }) =>
      unless(!parsedExtensions.basicConstraints?.ca, 'it is CA:TRUE, so that the server can make certificates'),
  },
  {
    code: 'ca-on-device',
    severity: 'error',
    cite: 'contract.md 3; RFC 5280 4.2.1.9',
    applies: inRole('device'),
    check: ({ parsedExtensions }) =>
      unless(!parsedExtensions.basicConstraints?.ca, 'it is CA:TRUE, so that the device can make devices'),
  },
  {
    code: 'key-usage-missing',
    severity: 'error',
    cite: 'contract.md 3; RFC 5280 4.2.1.3',
    applies: ({ role }) => role !== null,
    check: ({ parsedExtensions }) => unless(parsedExtensions.keyUsage !== null, 'it has no keyUsage'),
  },
  {
    code: 'key-usage-not-critical',
    severity: 'warning',
    cite: 'contract.md 3; RFC 5280 4.2.1.3',
    applies: ({ role }) => role !== null,
    check: (certificate) => criticality(certificate, 'keyUsage'),
  },
  {
    code: 'key-usage-lacks',
    severity: 'error',
    cite: 'contract.md 3; RFC 5280 4.2.1.3',
    applies: ({ role, parsedExtensions }) => role !== null && parsedExtensions.keyUsage !== null,
    check: (certificate) => lacks(usagesOf(certificate), certificate.parsedExtensions.keyUsage),
  },
  {
    code: 'key-usage-extra',
    severity: 'warning',
    cite: 'contract.md 3',
    applies: ({ role, parsedExtensions }) => role !== null && parsedExtensions.keyUsage !== null,
    check: (certificate) => extra(usagesOf(certificate), certificate.parsedExtensions.keyUsage),
  },
  {
    code: 'ext-key-usage-lacks',
    severity: 'error',
    cite: 'contract.md 3; RFC 5280 4.2.1.12',
    applies: inRole('tls', 'device'),
    check: (certificate) => lacks(purposesOf(certificate), certificate.parsedExtensions.extKeyUsage ?? []),
  },
  {
    code: 'root-ext-key-usage',
    severity: 'notice',
    cite: 'contract.md 3',
    applies: inRole('root'),
    check: (certificate) =>
      listed(
        purposesOf(certificate).filter((purpose) => !certificate.parsedExtensions.extKeyUsage?.includes(purpose)),
        (purposes) => `the root that fpki makes is for ${purposes}, too`,
      ),
  },
  {
    code: 'ext-key-usage-extra',
    severity: 'warning',
    cite: 'contract.md 3',
    applies: ({ role }) => role !== null,
    check: (certificate) => extra(purposesOf(certificate), certificate.parsedExtensions.extKeyUsage),
  },
  {
    code: 'ext-key-usage-not-critical',
    severity: 'warning',
    cite: 'contract.md 3',
    applies: inRole('device'),
    check: (certificate) => criticality(certificate, 'extKeyUsage'),
  },
]

function specsOf({ role }: LintCertificate): readonly ProfileExtension[] {
  return role === null ? [] : PROFILE_OF[role].extensions
}

function usagesOf(certificate: LintCertificate): readonly string[] {
  return specsOf(certificate).flatMap((spec) => (spec.type === 'keyUsage' ? spec.usages : []))
}

function purposesOf(certificate: LintCertificate): readonly string[] {
  return specsOf(certificate).flatMap((spec) => (spec.type === 'extKeyUsage' ? spec.purposes : []))
}

function criticality({ extensions }: LintCertificate, type: string): string | null {
  const extension = extensions.find((candidate) => candidate.type === type)
  return unless(extension?.critical !== false, `${type} is not critical`)
}

function lacks(wanted: readonly string[], found: readonly string[] | null): string | null {
  return listed(
    wanted.filter((usage) => !found?.includes(usage)),
    (usages) => `it is not for ${usages}, and has to be`,
  )
}

function extra(wanted: readonly string[], found: readonly string[] | null): string | null {
  return listed(
    (found ?? []).filter((usage) => !wanted.includes(usage)),
    (usages) => `it is also for ${usages}, and a certificate of its kind is not`,
  )
}
