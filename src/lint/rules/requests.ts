import { deviceCaNameProblem } from '../../pki/device-ca-name.js'
import { attributeValues } from '../../pki/name.js'
import type { LintRequest } from '../model.js'
import { PROFILE_OF } from '../role.js'
import { always, inRole, listed, type Rule, unless } from '../rule.js'
import { verifies } from '../signature.js'
import { KEY_RULES } from './keys.js'
import { brokenNames, namesTwice, otherUnits } from './names.js'

/** Rules that `ca create`, `rotate-tls` and `ca sign` apply to requests (docs/profile.md#csr-checks). */
export const REQUEST_RULES: readonly Rule<LintRequest>[] = [
  ...KEY_RULES,
  {
    code: 'csr-version',
    severity: 'error',
    cite: 'RFC 2986 4.1',
    applies: always,
    check: ({ version }) => unless(version === 1, `its version is ${version}, not 1`),
  },
  {
    code: 'csr-signature',
    severity: 'error',
    cite: 'docs/profile.md#csr-checks; RFC 2986 4.2',
    applies: always,
    check: (request) =>
      unless(verifies(request, request.key.object) !== false, 'its signature does not verify with its own key'),
  },
  {
    code: 'csr-key-of-a-ca',
    severity: 'error',
    cite: 'docs/profile.md#csr-checks',
    applies: always,
    check: ({ key }, { caWithKey }) => {
      const ca = caWithKey(key.spki, new Uint8Array())
      return unless(ca === null, `it uses the key of the CA in ${ca?.place.file}`)
    },
  },
  {
    code: 'csr-no-name',
    severity: 'error',
    cite: 'docs/profile.md#csr-checks',
    applies: always,
    check: ({ role, subject, parsedExtensions }) => {
      if (role === 'device-ca')
        return unless(subject.attributes.length > 0, 'it requests a CA certificate with an empty subject')
      const names = [
        ...attributeValues(subject, 'CN'),
        ...(parsedExtensions.subjectAltName ?? []).map(({ value }) => value),
      ]
      return unless(
        names.some((name) => name !== ''),
        'it names no server, neither in its subject nor in subjectAltName',
      )
    },
  },
  {
    code: 'device-ca-name',
    severity: 'notice',
    cite: 'docs/profile.md#device-ca',
    applies: (item) => inRole('device-ca')(item) && item.subject.attributes.length > 0,
    check: ({ subject }) => deviceCaNameProblem(subject),
  },
  {
    code: 'csr-no-dns-name',
    severity: 'warning',
    cite: 'docs/profile.md#subject-alt-name; RFC 6125 6.4.4',
    applies: inRole('tls'),
    check: ({ parsedExtensions }) =>
      unless(
        (parsedExtensions.subjectAltName ?? []).length > 0,
        'it requests no subjectAltName; clients that check only subjectAltName will reject the certificate',
      ),
  },
  {
    code: 'csr-name',
    severity: 'error',
    cite: 'docs/profile.md#csr-checks',
    applies: always,
    check: ({ parsedExtensions }) => brokenNames(parsedExtensions),
  },
  {
    code: 'csr-name-twice',
    severity: 'error',
    cite: 'docs/profile.md#csr-checks',
    applies: always,
    check: ({ parsedExtensions }) => namesTwice(parsedExtensions),
  },
  {
    code: 'csr-unit',
    severity: 'warning',
    cite: 'docs/profile.md#csr-checks',
    applies: always,
    check: ({ subject }, { factory }) => otherUnits(subject, factory),
  },
  {
    code: 'csr-extension',
    severity: 'notice',
    cite: 'docs/profile.md#csr-checks',
    applies: always,
    check: ({ role, extensions }) => {
      const included: readonly string[] = PROFILE_OF[role].extensions.map(({ type }) => type)
      // Many tools request CA:FALSE, which is the default.
      return listed(
        extensions.map(({ type }) => type).filter((type) => ![...included, 'basicConstraints'].includes(type)),
        (types) => `it requests ${types}, which the certificate will not have`,
      )
    },
  },
  {
    code: 'csr-attribute',
    severity: 'notice',
    cite: 'RFC 2985 5.4',
    applies: always,
    check: ({ unusedAttributes }) =>
      listed(unusedAttributes, (types) => `it has attributes that fpki ignores: ${types}`),
  },
]
