import { sameName } from '../../pki/name.js'
import { sameOctets } from '../../pki/octets.js'
import { serialToHex } from '../../pki/serial.js'
import type { LintCrl } from '../model.js'
import { always, listed, type Rule, unless } from '../rule.js'
import { hashOf, verifies } from '../signature.js'

/** What revokes for good, disables and enables again (contract.md 3). */
const REASONS: readonly (number | null)[] = [9, 6, 8]

/** Revocation lists, as the Factory API takes them. */
export const CRL_RULES: readonly Rule<LintCrl>[] = [
  {
    code: 'crl-version',
    severity: 'error',
    cite: 'RFC 5280 5.1.2.1',
    applies: always,
    check: ({ crl }) => unless(crl.version === 2, 'it is of version 1, which has neither a number nor reasons'),
  },
  {
    code: 'crl-number-missing',
    severity: 'error',
    cite: 'contract.md 3; RFC 5280 5.2.3',
    applies: ({ crl }) => crl.version === 2,
    check: ({ crl }) => unless(crl.crlNumber !== null, 'it has no number'),
  },
  {
    code: 'crl-number',
    severity: 'error',
    cite: 'RFC 5280 5.2.3',
    applies: ({ crl }) => crl.crlNumber !== null,
    check: ({ crl: { crlNumber } }) =>
      unless(
        crlNumber === null || (crlNumber >= 0n && crlNumber < 2n ** 159n),
        'its number is negative or has more than 20 octets',
      ),
  },
  {
    code: 'crl-extension-critical',
    severity: 'error',
    cite: 'RFC 5280 5.2.1 and 5.2.3',
    applies: always,
    check: ({ crl }) =>
      listed(
        crl.extensions.filter(({ critical }) => critical).map(({ type }) => type),
        (types) => `${types} must not be critical`,
      ),
  },
  {
    code: 'crl-authority-key-id-missing',
    severity: 'error',
    cite: 'contract.md 3; RFC 5280 5.2.1',
    applies: ({ crl }) => crl.version === 2,
    check: ({ crl }) => unless(crl.authorityKeyIdentifier !== null, 'it has no authorityKeyIdentifier'),
  },
  {
    code: 'crl-authority-key-id-wrong',
    severity: 'error',
    cite: 'RFC 5280 5.2.1',
    applies: always,
    check: (item, { issuerOf }) => {
      const [found, wanted] = [
        item.crl.authorityKeyIdentifier,
        issuerOf(item)?.parsedExtensions.subjectKeyIdentifier ?? null,
      ]
      return unless(
        found === null || wanted === null || sameOctets(found, wanted),
        'authorityKeyIdentifier is not the subjectKeyIdentifier of its issuer',
      )
    },
  },
  {
    code: 'crl-next-update-missing',
    severity: 'error',
    cite: 'RFC 5280 5.1.2.5',
    applies: always,
    check: ({ crl }) => unless(crl.nextUpdate !== null, 'it has no nextUpdate'),
  },
  {
    code: 'crl-passed',
    severity: 'warning',
    cite: 'RFC 5280 5.1.2.5',
    applies: always,
    check: ({ crl: { nextUpdate } }, { now }) =>
      unless(nextUpdate === null || nextUpdate >= now, `it was to be sent before ${nextUpdate?.toISOString()}`),
  },
  {
    code: 'crl-not-yet-valid',
    severity: 'error',
    cite: 'RFC 5280 5.1.2.4',
    applies: always,
    check: ({ crl }, { now }) => unless(crl.thisUpdate <= now, `it begins on ${crl.thisUpdate.toISOString()}`),
  },
  {
    code: 'crl-empty',
    severity: 'warning',
    cite: 'contract.md 3',
    applies: always,
    check: ({ crl }) => unless(crl.entries.length > 0, 'it names no certificate, so that it changes nothing'),
  },
  {
    code: 'crl-reason',
    severity: 'error',
    cite: 'contract.md 3; RFC 5280 5.3.1',
    applies: always,
    check: ({ crl }) =>
      listed(
        some(crl.entries.filter(({ reasonCode }) => !REASONS.includes(reasonCode))).map(
          ({ serialNumber, reasonCode }) => `${serialToHex(serialNumber)} (${reasonCode ?? 'none'})`,
        ),
        (entries) => `an entry has a reason other than 6, 8 or 9: ${entries}`,
      ),
  },
  {
    code: 'crl-serial-unknown',
    severity: 'warning',
    cite: 'contract.md 4',
    applies: ({ crl }, { deviceCas }) => deviceCas.some(({ issuer }) => sameName(issuer, crl.issuer)),
    check: ({ crl }, { deviceCas }) => {
      const known = new Set(deviceCas.map(({ serial }) => serial.value))
      return listed(
        some(crl.entries.filter(({ serialNumber }) => !known.has(serialNumber))).map(({ serialNumber }) =>
          serialToHex(serialNumber),
        ),
        (serials) => `no device CA among the files has the serial number ${serials}`,
      )
    },
  },
  {
    code: 'crl-weak-signature',
    severity: 'error',
    cite: 'RFC 6194; contract.md 3',
    applies: always,
    check: ({ algorithm }) =>
      unless(/^sha(256|384|512)$/.test(hashOf(algorithm) ?? ''), `it is signed with ${algorithm}`),
  },
  {
    code: 'crl-issuer-unknown',
    severity: 'notice',
    cite: 'RFC 5280 6.3',
    applies: always,
    check: (item, { issuerOf, roots }) =>
      unless(
        issuerOf(item) !== null || roots.length > 0,
        'its issuer is not among the files, so that its signature was not checked',
      ),
  },
  {
    code: 'crl-not-by-root',
    severity: 'error',
    cite: 'contract.md 3',
    applies: (_, { roots }) => roots.length > 0,
    check: ({ crl }, { roots }) =>
      unless(
        roots.some(({ subject }) => sameName(subject, crl.issuer)),
        `its issuer is not the root in ${roots[0]?.place.file}`,
      ),
  },
  {
    code: 'crl-signature-wrong',
    severity: 'error',
    cite: 'RFC 5280 6.3.3',
    applies: always,
    check: (item, { issuerOf }) => {
      const issuer = issuerOf(item)
      if (issuer === null || verifies(item, issuer.key.object) !== false) return null
      return `its signature is not by the key of its issuer, ${issuer.place.file}`
    },
  },
]

/** A list has room for a hundred thousand; a line of text does not. */
function some<T>(entries: readonly T[]): readonly T[] {
  return entries.slice(0, 5)
}
