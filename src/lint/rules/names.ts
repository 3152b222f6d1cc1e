import { isDnsName } from '../../pki/csr-policy.js'
import { isUuid } from '../../pki/device-request.js'
import { attributeValues, type Name } from '../../pki/name.js'
import type { LintCertificate } from '../model.js'
import { always, type CertificateRule, inRole, listed, unless } from '../rule.js'

/** RFC 5280, appendix A.1, and RFC 4519 have these in another type than UTF8String. */
const OTHER_STRINGS: readonly string[] = ['C', 'DC', 'emailAddress', 'serialNumber', 'UID']

/** Subject and subjectAltName. */
export const NAME_RULES: readonly CertificateRule[] = [
  {
    code: 'subject-not-utf8',
    severity: 'error',
    onRoot: 'warning',
    cite: 'contract.md 3',
    applies: isNamedByFactory,
    check: ({ subject }) => printableStrings(subject),
  },
  {
    code: 'subject-printable-string',
    severity: 'warning',
    cite: 'contract.md 3',
    applies: (certificate) => inRole('device-ca', 'device')(certificate) && !isNamedByFactory(certificate),
    check: ({ subject }) => printableStrings(subject),
  },
  {
    code: 'subject-order',
    severity: 'warning',
    cite: 'contract.md 3',
    applies: inRole('root', 'device-ca'),
    check: ({ subject }) => {
      const types = subject.attributes.map(({ type }) => type)
      const [name, unit] = [types.indexOf('CN'), types.indexOf('OU')]
      return unless(
        name === -1 || unit === -1 || name < unit,
        'the subject has OU before CN, and mbedTLS-based devices need CN first',
      )
    },
  },
  {
    code: 'subject-empty',
    severity: 'error',
    cite: 'RFC 5280 4.1.2.6',
    applies: inRole('root', 'device-ca', 'device'),
    check: ({ subject }) => unless(subject.attributes.length > 0, 'it has no subject'),
  },
  {
    code: 'common-name-missing',
    severity: 'error',
    onRoot: 'warning',
    cite: 'contract.md 3',
    applies: (item) => inRole('root', 'device-ca', 'device')(item) && item.subject.attributes.length > 0,
    check: ({ subject }) =>
      unless(
        attributeValues(subject, 'CN').some((name) => name !== ''),
        'the subject has no CN',
      ),
  },
  {
    code: 'root-common-name',
    severity: 'notice',
    cite: 'contract.md 3',
    applies: inRole('root'),
    check: ({ subject }) =>
      unless(attributeValues(subject, 'CN').includes('Factory-CA'), 'the CN of a root is Factory-CA'),
  },
  {
    code: 'unit-missing',
    severity: 'error',
    cite: 'contract.md 3',
    applies: (item) => inRole('root', 'device-ca', 'device')(item) && item.subject.attributes.length > 0,
    check: ({ subject }) =>
      unless(attributeValues(subject, 'OU').length > 0, 'the subject has no OU, which must be the factory'),
  },
  {
    code: 'unit-of-another-factory',
    severity: 'error',
    cite: 'contract.md 3',
    applies: inRole('root', 'device-ca', 'device'),
    check: ({ subject }, { factory }) => otherUnits(subject, factory),
  },
  {
    code: 'device-name',
    severity: 'warning',
    cite: 'contract.md 3',
    applies: inRole('device'),
    check: ({ subject }) =>
      listed(
        attributeValues(subject, 'CN').filter((name) => !isUuid(name)),
        (names) => `the CN of a device is its UUID, and this one is ${names}`,
      ),
  },
  {
    code: 'business-category',
    severity: 'warning',
    cite: 'contract.md 3',
    applies: inRole('device'),
    check: ({ subject }) =>
      listed(
        attributeValues(subject, 'businessCategory').filter((value) => value !== 'production'),
        (values) => `businessCategory is ${values}, and only production has a meaning`,
      ),
  },
  {
    code: 'san-missing',
    severity: 'warning',
    cite: 'contract.md 3; RFC 6125 6.4.4',
    applies: inRole('tls'),
    check: ({ parsedExtensions }) =>
      unless(
        (parsedExtensions.subjectAltName ?? []).length > 0,
        'it has no subjectAltName, and clients that look at nothing else do not accept it',
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
    cite: 'contract.md 6',
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

/** The root, and a local-ca, which is called after its user. */
function isNamedByFactory({ role, subject }: LintCertificate): boolean {
  const isLocal = role === 'device-ca' && attributeValues(subject, 'CN').some((name) => name.startsWith('fio-'))
  return role === 'root' || isLocal
}

function printableStrings({ attributes }: Name): string | null {
  const others = attributes.filter(({ type, encoding }) => encoding !== 'UTF8String' && !OTHER_STRINGS.includes(type))
  return listed(
    others.map(({ type, encoding }) => `${type} as ${encoding}`),
    (names) => `the subject has ${names}, and mbedTLS-based devices need UTF8String`,
  )
}

/** The units of a name that are not `factory`, in a sentence. */
export function otherUnits(name: Name, factory: string | null): string | null {
  return listed(
    attributeValues(name, 'OU').filter((unit) => factory !== null && unit !== factory),
    (units) => `the subject has OU=${units}, and the factory is ${factory}`,
  )
}

/** DNS names that are none, in a sentence. */
export function brokenNames({ subjectAltName }: LintCertificate['parsedExtensions']): string | null {
  const names = (subjectAltName ?? []).filter(({ type, value }) => type === 'DNS' && !isDnsName(value))
  return listed(
    names.map(({ value }) => JSON.stringify(value)),
    (broken) => `no DNS name: ${broken}`,
  )
}

/** Names that come twice, in a sentence. */
export function namesTwice({ subjectAltName }: LintCertificate['parsedExtensions']): string | null {
  const names = (subjectAltName ?? []).map(({ type, value }) => `${type}:${value.toLowerCase()}`)
  const seen = new Set<string>()
  const twice = names.filter((name) => seen.has(name) || !seen.add(name))
  return listed(twice, (found) => `it has a name twice: ${found}`)
}
