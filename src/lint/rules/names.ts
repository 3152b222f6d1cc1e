import { isDnsName } from '../../pki/csr-policy.js'
import { isUuid } from '../../pki/device-request.js'
import { attributeValues, type Name } from '../../pki/name.js'
import type { LintCertificate } from '../model.js'
import { always, type CertificateRule, inRole, listed, unless } from '../rule.js'

/** Attributes with another type than UTF8String in RFC 5280, appendix A.1, and RFC 4519. */
const OTHER_STRINGS: readonly string[] = ['C', 'DC', 'emailAddress', 'serialNumber', 'UID']

/** Rules about subject and subjectAltName. */
export const NAME_RULES: readonly CertificateRule[] = [
  {
    code: 'subject-not-utf8',
    severity: 'error',
    onRoot: 'warning',
    cite: 'docs/profile.md#subjects',
    applies: isNamedByFactory,
    check: ({ subject }) => printableStrings(subject),
  },
  {
    code: 'subject-printable-string',
    severity: 'warning',
    cite: 'docs/profile.md#subjects',
    applies: (certificate) => inRole('device-ca', 'device')(certificate) && !isNamedByFactory(certificate),
    check: ({ subject }) => printableStrings(subject),
  },
  {
    code: 'subject-order',
    severity: 'warning',
    cite: 'docs/profile.md#subjects',
    applies: inRole('root', 'cross', 'device-ca'),
    check: ({ subject }) => {
      const types = subject.attributes.map(({ type }) => type)
      const [name, unit] = [types.indexOf('CN'), types.indexOf('OU')]
      return unless(
        name === -1 || unit === -1 || name < unit,
        'the subject has OU before CN; mbedTLS-based devices need CN first',
      )
    },
  },
  {
    code: 'subject-empty',
    severity: 'error',
    cite: 'RFC 5280 4.1.2.6',
    applies: inRole('root', 'cross', 'device-ca', 'device'),
    check: ({ subject }) => unless(subject.attributes.length > 0, 'its subject is empty'),
  },
  {
    code: 'common-name-missing',
    severity: 'error',
    onRoot: 'warning',
    cite: 'docs/profile.md#subjects',
    applies: (item) => inRole('root', 'cross', 'device-ca', 'device')(item) && item.subject.attributes.length > 0,
    check: ({ subject }) =>
      unless(
        attributeValues(subject, 'CN').some((name) => name !== ''),
        'the subject has no CN',
      ),
  },
  {
    code: 'root-common-name',
    severity: 'notice',
    cite: 'docs/profile.md#root',
    applies: inRole('root'),
    check: ({ subject }) =>
      unless(attributeValues(subject, 'CN').includes('Factory-CA'), 'its CN is not Factory-CA, the usual CN of a root'),
  },
  {
    code: 'unit-missing',
    severity: 'error',
    cite: 'docs/profile.md#subjects',
    applies: (item) => inRole('root', 'cross', 'device-ca', 'device')(item) && item.subject.attributes.length > 0,
    check: ({ subject }) =>
      unless(attributeValues(subject, 'OU').length > 0, 'the subject has no OU, which must be the factory'),
  },
  {
    code: 'unit-of-another-factory',
    severity: 'error',
    cite: 'docs/profile.md#subjects',
    applies: inRole('root', 'device-ca', 'device'),
    check: ({ subject }, { factory }) => otherUnits(subject, factory),
  },
  {
    code: 'device-name',
    severity: 'warning',
    cite: 'docs/profile.md#device',
    applies: inRole('device'),
    check: ({ subject }) =>
      listed(
        attributeValues(subject, 'CN').filter((name) => !isUuid(name)),
        (names) => `the CN of a device must be its UUID, but is ${names}`,
      ),
  },
  {
    code: 'business-category',
    severity: 'warning',
    cite: 'docs/profile.md#device',
    applies: inRole('device'),
    check: ({ subject }) =>
      listed(
        attributeValues(subject, 'businessCategory').filter((value) => value !== 'production'),
        (values) => `businessCategory is ${values}; only production has a meaning`,
      ),
  },
  {
    code: 'san-missing',
    severity: 'warning',
    cite: 'docs/profile.md#subject-alt-name; RFC 6125 6.4.4',
    applies: inRole('tls'),
    check: ({ parsedExtensions }) =>
      unless(
        (parsedExtensions.subjectAltName ?? []).length > 0,
        'it has no subjectAltName; clients that check only subjectAltName reject it',
      ),
  },
  {
    code: 'san-name',
    severity: 'error',
    onRoot: 'warning',
    cite: 'RFC 5280 4.2.1.6',
    applies: always,
    check: ({ parsedExtensions }) => brokenNames(parsedExtensions),
  },
  {
    code: 'san-twice',
    severity: 'warning',
    cite: 'docs/profile.md#subject-alt-name',
    applies: always,
    check: ({ parsedExtensions }) => namesTwice(parsedExtensions),
  },
  {
    code: 'san-not-critical',
    severity: 'error',
    cite: 'RFC 5280 4.2.1.6',
    applies: ({ subject, extensions }) =>
      subject.attributes.length === 0 && extensions.some(({ type }) => type === 'subjectAltName'),
    check: ({ extensions }) =>
      unless(
        extensions.some(({ type, critical }) => type === 'subjectAltName' && critical),
        'its subject is empty, so subjectAltName must be critical',
      ),
  },
]

/** Whether it is a root or a local-ca, whose names fpki chooses. */
function isNamedByFactory({ role, subject }: LintCertificate): boolean {
  const isLocal = role === 'device-ca' && attributeValues(subject, 'CN').some((name) => name.startsWith('fio-'))
  return role === 'root' || role === 'cross' || isLocal
}

function printableStrings({ attributes }: Name): string | null {
  const others = attributes.filter(({ type, encoding }) => encoding !== 'UTF8String' && !OTHER_STRINGS.includes(type))
  return listed(
    others.map(({ type, encoding }) => `${type} as ${encoding}`),
    (names) => `the subject has ${names}; mbedTLS-based devices need UTF8String`,
  )
}

/** A message about units of a name other than `factory`. */
export function otherUnits(name: Name, factory: string | null): string | null {
  return listed(
    attributeValues(name, 'OU').filter((unit) => factory !== null && unit !== factory),
    (units) => `the subject has OU=${units}; the factory is ${factory}`,
  )
}

/** A message about invalid DNS names. */
export function brokenNames({ subjectAltName }: LintCertificate['parsedExtensions']): string | null {
  const names = (subjectAltName ?? []).filter(({ type, value }) => type === 'DNS' && !isDnsName(value))
  return listed(
    names.map(({ value }) => JSON.stringify(value)),
    (broken) => `invalid DNS name: ${broken}`,
  )
}

/** A message about duplicate names. */
export function namesTwice({ subjectAltName }: LintCertificate['parsedExtensions']): string | null {
  const names = (subjectAltName ?? []).map(({ type, value }) => `${type}:${value.toLowerCase()}`)
  const duplicates = names.filter((name, at) => names.indexOf(name) !== at)
  return listed(duplicates, (repeated) => `it has duplicate names: ${repeated}`)
}
