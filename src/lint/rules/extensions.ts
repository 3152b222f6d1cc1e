import { PROCESSED_EXTENSIONS } from '../../pki/path-validation/validate.js'
import type { ProfileExtension } from '../../pki/profiles.js'
import type { LintCertificate, Role } from '../model.js'
import { PROFILE_OF } from '../role.js'
import { always, type CertificateRule, inRole, listed, unless } from '../rule.js'

const CAS: readonly Role[] = ['root', 'cross', 'device-ca']

/** Rules about basicConstraints, keyUsage, extKeyUsage, and extensions outside the profile. */
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
        (types) => `it has an unknown critical extension, which other software may not support either: ${types}`,
      ),
  },
  {
    code: 'extension-extra',
    severity: 'notice',
    cite: 'docs/profile.md#extensions',
    applies: ({ role }) => role !== null,
    check: (certificate) => {
      const expected: readonly string[] = specsOf(certificate).map(({ type }) => type)
      // Most tools write an AKI to roots; the others have their own rules.
      const ignored = ['basicConstraints', 'extKeyUsage', 'authorityKeyIdentifier']
      return listed(
        certificate.extensions.map(({ type }) => type).filter((type) => ![...expected, ...ignored].includes(type)),
        (types) => `it has extensions outside the profile: ${types}`,
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
    cite: 'docs/profile.md#basic-constraints; RFC 5280 4.2.1.9',
    applies: (item) => inRole(...CAS)(item) && item.parsedExtensions.basicConstraints?.ca === true,
    check: ({ role, parsedExtensions }) => {
      const length = parsedExtensions.basicConstraints?.pathLenConstraint ?? null
      if (role === 'root' || role === 'cross')
        return unless(length !== 0, 'its pathLen is 0, so it cannot issue device CAs')
      return unless(length === 0, `its pathLen is ${length ?? 'absent'}; a device CA must have pathLen 0`)
    },
  },
  {
    code: 'ca-on-tls',
    severity: 'error',
    cite: 'docs/profile.md#basic-constraints; RFC 5280 4.2.1.9',
    applies: inRole('tls'),
    check: ({ parsedExtensions }) =>
      unless(!parsedExtensions.basicConstraints?.ca, 'it is CA:TRUE, so the server could issue certificates'),
  },
  {
    code: 'ca-on-device',
    severity: 'error',
    cite: 'docs/profile.md#basic-constraints; RFC 5280 4.2.1.9',
    applies: inRole('device'),
    check: ({ parsedExtensions }) =>
      unless(!parsedExtensions.basicConstraints?.ca, 'it is CA:TRUE, so the device could issue device certificates'),
  },
  {
    code: 'ca-on-responder',
    severity: 'error',
    cite: 'docs/profile.md#ocsp-responder; RFC 5280 4.2.1.9',
    applies: inRole('ocsp-responder'),
    check: ({ parsedExtensions }) =>
      unless(!parsedExtensions.basicConstraints?.ca, 'it is CA:TRUE, so the OCSP responder could issue certificates'),
  },
  {
    code: 'ocsp-no-check-missing',
    severity: 'warning',
    cite: 'docs/profile.md#ocsp-responder; RFC 6960 4.2.2.2.1',
    applies: inRole('ocsp-responder'),
    check: ({ extensions }) =>
      unless(
        extensions.some(({ type }) => type === 'id-pkix-ocsp-nocheck'),
        'it has no id-pkix-ocsp-nocheck, so clients may ask for the status of the OCSP responder itself',
      ),
  },
  {
    code: 'key-usage-missing',
    severity: 'error',
    cite: 'docs/profile.md#key-usage; RFC 5280 4.2.1.3',
    applies: ({ role }) => role !== null,
    check: ({ parsedExtensions }) => unless(parsedExtensions.keyUsage !== null, 'it has no keyUsage'),
  },
  {
    code: 'key-usage-not-critical',
    severity: 'warning',
    cite: 'docs/profile.md#key-usage; RFC 5280 4.2.1.3',
    applies: ({ role }) => role !== null,
    check: (certificate) => criticality(certificate, 'keyUsage'),
  },
  {
    code: 'key-usage-lacks',
    severity: 'error',
    cite: 'docs/profile.md#key-usage; RFC 5280 4.2.1.3',
    applies: ({ role, parsedExtensions }) => role !== null && parsedExtensions.keyUsage !== null,
    check: (certificate) => lacks(usagesOf(certificate), certificate.parsedExtensions.keyUsage),
  },
  {
    code: 'key-usage-extra',
    severity: 'warning',
    cite: 'docs/profile.md#key-usage',
    applies: ({ role, parsedExtensions }) => role !== null && parsedExtensions.keyUsage !== null,
    check: (certificate) => extra(permittedUsages(certificate), certificate.parsedExtensions.keyUsage),
  },
  {
    code: 'ext-key-usage-lacks',
    severity: 'error',
    cite: 'docs/profile.md#ext-key-usage; RFC 5280 4.2.1.12',
    applies: (item) =>
      inRole('tls', 'device', 'ocsp-responder')(item) ||
      (inRole('cross')(item) && item.parsedExtensions.extKeyUsage !== null),
    check: (certificate) => lacks(purposesOf(certificate), certificate.parsedExtensions.extKeyUsage ?? []),
  },
  {
    code: 'root-ext-key-usage',
    severity: 'notice',
    cite: 'docs/profile.md#ext-key-usage',
    applies: inRole('root'),
    check: (certificate) =>
      listed(
        purposesOf(certificate).filter((purpose) => !certificate.parsedExtensions.extKeyUsage?.includes(purpose)),
        (purposes) => `it lacks the extKeyUsage ${purposes} of roots created by fpki`,
      ),
  },
  {
    code: 'ext-key-usage-extra',
    severity: 'warning',
    cite: 'docs/profile.md#ext-key-usage',
    applies: ({ role }) => role !== null,
    check: (certificate) => extra(purposesOf(certificate), certificate.parsedExtensions.extKeyUsage),
  },
  {
    code: 'ext-key-usage-not-critical',
    severity: 'warning',
    cite: 'docs/profile.md#ext-key-usage',
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

/** A device CA may have cRLSign (docs/profile.md#crl-sign). */
function permittedUsages(certificate: LintCertificate): readonly string[] {
  return [...usagesOf(certificate), ...(certificate.role === 'device-ca' ? ['cRLSign'] : [])]
}

function purposesOf(certificate: LintCertificate): readonly string[] {
  return specsOf(certificate).flatMap((spec) => (spec.type === 'extKeyUsage' ? spec.purposes : []))
}

function criticality({ extensions }: LintCertificate, type: string): string | null {
  const extension = extensions.find((candidate) => candidate.type === type)
  return unless(extension?.critical !== false, `${type} is not critical`)
}

function lacks(expected: readonly string[], actual: readonly string[] | null): string | null {
  return listed(
    expected.filter((usage) => !actual?.includes(usage)),
    (usages) => `it lacks the usage ${usages}`,
  )
}

function extra(expected: readonly string[], actual: readonly string[] | null): string | null {
  return listed(
    (actual ?? []).filter((usage) => !expected.includes(usage)),
    (usages) => `it has the usage ${usages}, which is outside the profile`,
  )
}
