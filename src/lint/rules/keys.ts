import { HASH_OF_CURVE, isCompressed } from '../../pki/public-key.js'
import type { LintKey } from '../model.js'
import { always, type CertificateRule, inRole, type Rule, unless } from '../rule.js'
import { hashOf } from '../signature.js'

/** Common properties of certificates and requests. */
interface Keyed {
  readonly key: LintKey
  readonly algorithm: string
  readonly role: string | null
}

const OLD_HASHES: readonly (string | null | undefined)[] = ['md5', 'sha1']
const SUPPORTED_HASHES: readonly (string | null | undefined)[] = ['sha256', 'sha384', 'sha512']

/** Rules about the key and the signature algorithm of certificates and requests. */
export const KEY_RULES: readonly Rule<Keyed>[] = [
  {
    code: 'weak-key',
    severity: 'error',
    cite: 'docs/profile.md#keys; NIST SP 800-57',
    applies: always,
    check: ({ key }) => key.weak,
  },
  {
    code: 'unsupported-key',
    severity: 'error',
    cite: 'docs/profile.md#keys',
    applies: ({ key }) => key.weak === null,
    check: ({ key }) => key.unsupported,
  },
  {
    code: 'compressed-point',
    severity: 'error',
    cite: 'RFC 5480 2.2',
    applies: ({ key }) => key.kind === 'EC',
    check: ({ key }) =>
      unless(!isCompressed(key.spki), 'its key is a compressed point, which devices, Go and mbedTLS do not support'),
  },
  {
    code: 'ca-key-not-ec',
    severity: 'error',
    cite: 'docs/profile.md#keys',
    applies: ({ role }) => role === 'root' || role === 'cross' || role === 'device-ca',
    check: ({ key }) => unless(key.kind !== 'RSA', 'its key is RSA; a CA needs EC P-256, P-384 or P-521'),
  },
  {
    code: 'weak-signature',
    severity: 'error',
    onRoot: 'warning',
    cite: 'RFC 6194; RFC 6151',
    applies: always,
    check: ({ algorithm }) =>
      unless(!OLD_HASHES.includes(hashOf(algorithm)), `it is signed with the insecure algorithm ${algorithm}`),
  },
  {
    code: 'unsupported-signature',
    severity: 'error',
    onRoot: 'warning',
    cite: 'docs/profile.md#signatures',
    applies: ({ algorithm }) => !OLD_HASHES.includes(hashOf(algorithm)),
    check: ({ algorithm }) =>
      unless(
        SUPPORTED_HASHES.includes(hashOf(algorithm)),
        `it is signed with ${algorithm}; supported are ECDSA and RSA (PKCS #1 v1.5) with SHA-256, SHA-384 or SHA-512`,
      ),
  },
]

/** Further rules about keys of certificates. */
export const CERTIFICATE_KEY_RULES: readonly CertificateRule[] = [
  {
    code: 'algorithms-differ',
    severity: 'error',
    cite: 'RFC 5280 4.1.1.2',
    applies: always,
    check: ({ isSameAlgorithm }) => unless(isSameAlgorithm, 'its inner and outer signature algorithms differ'),
  },
  {
    code: 'hash-of-curve',
    severity: 'notice',
    cite: 'docs/profile.md#signatures; RFC 5480 4',
    applies: ({ algorithm }) => algorithm.startsWith('ecdsa') && SUPPORTED_HASHES.includes(hashOf(algorithm)),
    check: (certificate, { issuerOf }) => {
      const issuer = issuerOf(certificate)?.key
      if (!issuer?.curve || HASH_OF_CURVE[issuer.curve] === hashOf(certificate.algorithm)) return null
      return `it is signed with ${certificate.algorithm} by a key on ${issuer.curve}`
    },
  },
  {
    code: 'key-of-a-ca',
    severity: 'error',
    cite: 'docs/profile.md#keys',
    applies: inRole('device-ca', 'tls', 'device'),
    check: ({ key, subject }, { caWithKey }) => {
      const ca = caWithKey(key.spki, subject.der)
      return unless(ca === null, `it uses the key of the CA in ${ca?.place.file}`)
    },
  },
]
