import type { KeyObject } from 'node:crypto'
import type { Der } from '../pki/der.js'
import type { Extension, ParsedExtensions } from '../pki/extensions.js'
import type { Name } from '../pki/name.js'
import type { Crl } from '../pki/read-crl.js'
import type { Signed } from '../pki/signature.js'
import type { Curve } from '../ports.js'

/** `error`: something will fail; `warning`: a deviation; `notice`: for information. */
export type Severity = 'error' | 'warning' | 'notice'

/** What a certificate is for. */
export type Role = 'root' | 'cross' | 'device-ca' | 'tls' | 'device' | 'ocsp-responder'

/** The location of an item: its file, and the number of its PEM block, from 1. */
export interface Place {
  readonly file: string
  readonly block: number
}

/** A problem found while parsing. `code` is in the table of reading.ts. */
export interface Problem {
  readonly code: ReadingCode
  readonly reason: string
}

/** The codes of parsing problems. */
export type ReadingCode =
  | 'nothing-found'
  | 'too-large'
  | 'pem-broken'
  | 'pem-label'
  | 'broken'
  | 'not-der'
  | 'trailing-octets'
  | 'algorithm-parameters'
  | 'name-broken'
  | 'extension-broken'
  | 'extension-twice'
  | 'crl-broken'

/** A public key of any type, as far as it can be parsed. */
export interface LintKey {
  readonly spki: Uint8Array
  /** For people: `EC P-256`. */
  readonly name: string
  readonly kind: 'EC' | 'RSA' | null
  readonly curve: Curve | null
  /** Why fpki does not support it; null when it does. */
  readonly unsupported: string | null
  readonly weak: string | null
  /** The identifier of RFC 5280, 4.2.1.2, method 1; null when the key cannot be parsed. */
  readonly identifier: Uint8Array | null
  /** null when OpenSSL cannot parse it. */
  readonly object: KeyObject | null
}

/** A time of a certificate; an invalid Date when it cannot be parsed. */
export interface LintTime {
  readonly time: Date
  /** Whether it is encoded as required (RFC 5280, 4.1.2.5). */
  readonly isStrict: boolean
  readonly text: string
}

interface Read {
  readonly place: Place
  readonly der: Uint8Array
  readonly problems: readonly Problem[]
}

/** A leniently parsed certificate. */
export interface LintCertificate extends Read, Signed {
  readonly kind: 'certificate'
  /** 1 to 3. */
  readonly version: number
  readonly serial: { readonly value: bigint; readonly octets: number }
  readonly isSameAlgorithm: boolean
  readonly issuer: Name
  readonly notBefore: LintTime
  readonly notAfter: LintTime
  readonly subject: Name
  readonly key: LintKey
  readonly extensions: readonly Extension[]
  readonly parsedExtensions: ParsedExtensions
  readonly role: Role | null
}

/** A request (PKCS #10). */
export interface LintRequest extends Read, Signed {
  readonly kind: 'csr'
  readonly version: number
  readonly subject: Name
  readonly key: LintKey
  readonly extensions: readonly Extension[]
  readonly parsedExtensions: ParsedExtensions
  /** Types of attributes that fpki ignores. */
  readonly unusedAttributes: readonly string[]
  readonly role: 'device-ca' | 'tls'
}

/** A revocation list. */
export interface LintCrl extends Read, Signed {
  readonly kind: 'crl'
  readonly crl: Crl
}

/** Octets that cannot be parsed. */
interface Unreadable extends Read {
  readonly kind: 'unreadable'
}

export type LintItem = LintCertificate | LintRequest | LintCrl | Unreadable

/** Reports a problem; parsing continues. */
export type Report = (code: ReadingCode, reason: string) => void

/** A member of a parsed structure; undefined when missing. */
export type Member = Der | undefined
