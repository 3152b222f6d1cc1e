import { sameName } from '../../pki/name.js'
import { sameOctets } from '../../pki/octets.js'
import { serialToHex } from '../../serial-hex.js'
import type { LintContext } from '../context.js'
import type { LintCrl } from '../model.js'
import { always, listed, type Rule, unless } from '../rule.js'
import { hashOf, verifies } from '../signature.js'

/** Revoke, disable, enable (docs/profile.md#crl). */
const REASONS: readonly (number | null)[] = [9, 6, 8]

/** Rules for CRLs: for the Factory API, unless a device CA among the files has signed it. */
export const CRL_RULES: readonly Rule<LintCrl>[] = [
  {
    code: 'crl-version',
    severity: 'error',
    cite: 'RFC 5280 5.1.2.1',
    applies: always,
    check: ({ crl }) => unless(crl.version === 2, 'it is a version 1 CRL, which has no number and no reasons'),
  },
  {
    code: 'crl-number-missing',
    severity: 'error',
    cite: 'docs/profile.md#crl; RFC 5280 5.2.3',
    applies: ({ crl }) => crl.version === 2,
    check: ({ crl }) => unless(crl.crlNumber !== null, 'it has no cRLNumber'),
  },
  {
    code: 'crl-number',
    severity: 'error',
    cite: 'RFC 5280 5.2.3',
    applies: ({ crl }) => crl.crlNumber !== null,
    check: ({ crl: { crlNumber } }) =>
      unless(
        crlNumber === null || (crlNumber >= 0n && crlNumber < 2n ** 159n),
        'its cRLNumber is negative or has more than 20 octets',
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
    cite: 'docs/profile.md#crl; RFC 5280 5.2.1',
    applies: ({ crl }) => crl.version === 2,
    check: ({ crl }) => unless(crl.authorityKeyIdentifier !== null, 'it has no authorityKeyIdentifier'),
  },
  {
    code: 'crl-authority-key-id-wrong',
    severity: 'error',
    cite: 'RFC 5280 5.2.1',
    applies: always,
    check: (item, { issuerOf }) => {
      const [actual, expected] = [
        item.crl.authorityKeyIdentifier,
        issuerOf(item)?.parsedExtensions.subjectKeyIdentifier ?? null,
      ]
      return unless(
        actual === null || expected === null || sameOctets(actual, expected),
        'its authorityKeyIdentifier does not match the subjectKeyIdentifier of its issuer',
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
      unless(
        nextUpdate === null || nextUpdate >= now,
        `it has expired: its nextUpdate is ${nextUpdate?.toISOString()}`,
      ),
  },
  {
    code: 'crl-not-yet-valid',
    severity: 'error',
    cite: 'RFC 5280 5.1.2.4',
    applies: always,
    check: ({ crl }, { now }) =>
      unless(crl.thisUpdate <= now, `it is not valid before ${crl.thisUpdate.toISOString()}`),
  },
  {
    code: 'crl-empty',
    severity: 'warning',
    cite: 'docs/profile.md#crl',
    applies: isForApi,
    check: ({ crl }) => unless(crl.entries.length > 0, 'it lists no certificate, so it has no effect'),
  },
  {
    code: 'crl-reason',
    severity: 'error',
    cite: 'docs/profile.md#crl; RFC 5280 5.3.1',
    applies: isForApi,
    check: ({ crl }) =>
      listed(
        some(crl.entries.filter(({ reasonCode }) => !REASONS.includes(reasonCode))).map(
          ({ serialNumber, reasonCode }) => `${serialToHex(serialNumber)} (${reasonCode ?? 'none'})`,
        ),
        (entries) => `it has reason codes other than 6, 8 and 9: ${entries}`,
      ),
  },
  {
    code: 'crl-serial-unknown',
    severity: 'warning',
    cite: 'docs/profile.md#crl',
    applies: (item, context) =>
      isForApi(item, context) && context.deviceCas.some(({ issuer }) => sameName(issuer, item.crl.issuer)),
    check: ({ crl }, { deviceCas }) => {
      const issued = new Set(deviceCas.map(({ serial }) => serial.value))
      return listed(
        some(crl.entries.filter(({ serialNumber }) => !issued.has(serialNumber))).map(({ serialNumber }) =>
          serialToHex(serialNumber),
        ),
        (serials) => `it lists serial numbers of no device CA among the files: ${serials}`,
      )
    },
  },
  {
    code: 'crl-weak-signature',
    severity: 'error',
    cite: 'RFC 6194; docs/profile.md#signatures',
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
        'its issuer is not among the files, so its signature was not checked',
      ),
  },
  {
    code: 'crl-not-by-root',
    severity: 'error',
    cite: 'docs/profile.md#crl',
    applies: (item, context) => context.roots.length > 0 && isForApi(item, context),
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
      return `its signature does not verify with the key of its issuer, ${issuer.place.file}`
    },
  },
]

/** A CRL of a device CA is for gateways (docs/profile.md#crl-sign). */
function isForApi(item: LintCrl, { issuerOf }: LintContext): boolean {
  return issuerOf(item)?.role !== 'device-ca'
}

/** The first entries, enough for a message. */
function some<T>(entries: readonly T[]): readonly T[] {
  return entries.slice(0, 5)
}
