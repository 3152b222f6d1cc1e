import { sameOctets } from '../../pki/octets.js'
import { lifetimeOf, lifetimeText } from '../../pki/profiles.js'
import { MAX_SERIAL_OCTETS } from '../../pki/serial.js'
import { latestEnd } from '../../pki/validity.js'
import { serialToHex } from '../../serial-hex.js'
import type { LintCertificate, LintTime } from '../model.js'
import { PROFILE_OF } from '../role.js'
import { always, type CertificateRule, unless } from '../rule.js'

/** Only one in 65536 numbers with 128 random bits is shorter. */
const LEAST_SERIAL_BITS = 112

/** Rules about role, version, serial number and validity. */
export const FIELD_RULES: readonly CertificateRule[] = [
  {
    code: 'role-unknown',
    severity: 'notice',
    cite: 'docs/profile.md#profiles',
    applies: always,
    check: ({ role }) => unless(role !== null, 'its role cannot be detected; specify it with --profile'),
  },
  {
    code: 'version-not-3',
    severity: 'error',
    cite: 'RFC 5280 4.1.2.1',
    applies: always,
    check: ({ version }) => unless(version === 3, `it is a version ${version} certificate, which has no extensions`),
  },
  {
    code: 'serial-zero',
    severity: 'error',
    onRoot: 'warning',
    cite: 'RFC 5280 4.1.2.2',
    applies: always,
    check: ({ serial }) => unless(serial.value !== 0n, 'the serial number is 0'),
  },
  {
    code: 'serial-negative',
    severity: 'error',
    cite: 'RFC 5280 4.1.2.2',
    applies: always,
    check: ({ serial }) => unless(serial.value >= 0n, 'the serial number is negative'),
  },
  {
    code: 'serial-too-long',
    severity: 'error',
    onRoot: 'warning',
    cite: 'RFC 5280 4.1.2.2; docs/profile.md#serial-numbers',
    applies: always,
    check: ({ serial }) =>
      unless(
        serial.octets <= MAX_SERIAL_OCTETS,
        `the serial number has ${serial.octets} octets; at most ${MAX_SERIAL_OCTETS} are allowed`,
      ),
  },
  {
    code: 'serial-not-random',
    severity: 'warning',
    cite: 'docs/profile.md#serial-numbers',
    applies: ({ serial }) => serial.value > 0n,
    check: ({ serial }) =>
      unless(
        serial.value.toString(2).length >= LEAST_SERIAL_BITS,
        `the serial number ${serialToHex(serial.value)} does not have 128 random bits`,
      ),
  },
  {
    code: 'time-encoding',
    severity: 'error',
    cite: 'RFC 5280 4.1.2.5',
    applies: always,
    check: ({ notBefore, notAfter }) => {
      const wrong = [notBefore, notAfter].find(({ isStrict }) => !isStrict)
      return wrong === undefined
        ? null
        : `the time ${JSON.stringify(wrong.text)} is not encoded as UTCTime (through 2049) or GeneralizedTime (later), with seconds and Z`
    },
  },
  {
    code: 'validity-order',
    severity: 'error',
    cite: 'RFC 5280 4.1.2.5',
    applies: always,
    check: ({ notBefore, notAfter }) =>
      unless(!(notAfter.time <= notBefore.time), 'its notAfter is not later than its notBefore'),
  },
  {
    code: 'expired',
    severity: 'error',
    cite: 'RFC 5280 6.1.3',
    // Replaced certificates may have expired.
    applies: ({ place }) => !/\.bak(\.\d+)?$/.test(place.file),
    check: ({ notAfter }, { now }) => unless(!(notAfter.time < now), `it expired on ${day(notAfter)}`),
  },
  {
    code: 'not-yet-valid',
    severity: 'error',
    cite: 'RFC 5280 6.1.3',
    applies: always,
    check: ({ notBefore }, { now }) => unless(!(notBefore.time > now), `it is not valid before ${day(notBefore)}`),
  },
  {
    code: 'validity-too-long',
    severity: 'warning',
    // A long-lived company root does not extend the certificates below it.
    onRoot: 'notice',
    cite: 'docs/profile.md#validity',
    applies: ({ role }) => role !== null,
    check: (certificate, { roots }) => {
      const { role, notBefore, notAfter } = certificate
      if (role === null || roots.some((root) => renews(certificate, root))) return null
      const profile = PROFILE_OF[role]
      return unless(
        !(notAfter.time > latestEnd(notBefore.time, lifetimeOf(profile))),
        `it is valid for more than the ${lifetimeText(profile)} of a ${profile.name} certificate`,
      )
    },
  },
]

/** Whether a root certificate renews an earlier one, whose beginning it keeps (docs/profile.md#root-renewal). */
function renews(certificate: LintCertificate, earlier: LintCertificate): boolean {
  return (
    certificate.notBefore.time.getTime() === earlier.notBefore.time.getTime() &&
    certificate.notAfter.time > earlier.notAfter.time &&
    sameOctets(certificate.key.spki, earlier.key.spki) &&
    sameOctets(certificate.subject.der, earlier.subject.der)
  )
}

function day({ time, text }: LintTime): string {
  return Number.isNaN(time.getTime()) ? text : time.toISOString().slice(0, 10)
}
