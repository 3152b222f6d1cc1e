import type { KeyObject } from 'node:crypto'
import type { Der } from '../pki/der.js'
import type { Extension, ParsedExtensions } from '../pki/extensions.js'
import type { Name } from '../pki/name.js'
import type { Crl } from '../pki/read-crl.js'
import type { Signed } from '../pki/signature.js'
import type { Curve } from '../ports.js'

/** How bad a finding is: something breaks; something is not as it should be; something is worth knowing. */
export type Severity = 'error' | 'warning' | 'notice'

/** What a certificate is for. */
export type Role = 'root' | 'device-ca' | 'tls' | 'device'

/** Where something was found: the name of its file, and the how-manieth PEM block it is, from 1. */
export interface Place {
  readonly file: string
  readonly block: number
}

/** Something that reading came upon. `code` is one of the table in reading.ts. */
export interface Problem {
  readonly code: ReadingCode
  readonly reason: string
}

/** What reading alone can find. */
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

/** A public key of any kind, as far as it can be read. */
export interface LintKey {
  readonly spki: Uint8Array
  /** For people: `EC P-256`. */
  readonly name: string
  readonly kind: 'EC' | 'RSA' | null
  readonly curve: Curve | null
  /** Why fpki does not take it; null: it does. */
  readonly unsupported: string | null
  readonly weak: string | null
  /** As RFC 5280, 4.2.1.2, method 1 has it; null: the key cannot be read. */
  readonly identifier: Uint8Array | null
  /** null: OpenSSL cannot read it. */
  readonly object: KeyObject | null
}

/** A time of a certificate. What cannot be read is an invalid Date, which is neither before nor after anything. */
export interface LintTime {
  readonly time: Date
  /** As it should be encoded (RFC 5280, 4.1.2.5). */
  readonly isStrict: boolean
  readonly text: string
}

interface Read {
  readonly place: Place
  readonly der: Uint8Array
  readonly problems: readonly Problem[]
}

/** A certificate, read with as much patience as possible. */
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
  /** The types of attributes that fpki does not use. */
  readonly unusedAttributes: readonly string[]
  readonly role: 'device-ca' | 'tls'
}

/** A revocation list. */
export interface LintCrl extends Read, Signed {
  readonly kind: 'crl'
  readonly crl: Crl
}

/** Octets of which nothing more can be said than what is wrong. */
export interface Unreadable extends Read {
  readonly kind: 'unreadable'
}

export type LintItem = LintCertificate | LintRequest | LintCrl | Unreadable

/** Says what is wrong while something is read on. */
export type Report = (code: ReadingCode, reason: string) => void

/** A value of a parsed structure, or what is missing where it should be. */
export type Member = Der | undefined
