import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { bitString, integer, objectIdentifier, octetString, pem, sequence, setOf, tlv } from './der.js'

/** What a request made by {@link buildCsr} says; everything may be wrong on purpose. */
export interface CsrParts {
  /** DER of a Name. */
  readonly subject: Uint8Array
  readonly key?: KeyPair
  /** In the place of the key's own SubjectPublicKeyInfo. */
  readonly spki?: Uint8Array
  /** DER of each Attribute. */
  readonly attributes?: readonly Uint8Array[]
}

export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const EXTENSION_REQUEST = objectIdentifier('1.2.840.113549.1.9.14')

export function newKey(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
}

export function spkiOf({ publicKey }: KeyPair): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' })
}

/** The DER of a PKCS #10 request (RFC 2986), signed by its key. */
export function buildCsr({ subject, key = newKey(), spki = spkiOf(key), attributes = [] }: CsrParts): Buffer {
  const info = sequence(integer(0), subject, spki, tlv(0xa0, ...attributes))
  return sequence(info, ECDSA_WITH_SHA256, bitString(sign('sha256', info, key.privateKey)))
}

export function csrPem(der: Uint8Array): string {
  return pem('CERTIFICATE REQUEST', der)
}

/** The attribute that asks for `extensions` (RFC 2985, 5.4.2). */
export function extensionRequest(...extensions: readonly Uint8Array[]): Buffer {
  return sequence(EXTENSION_REQUEST, setOf(sequence(...extensions)))
}

export function extension(oid: string, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(oid), octetString(value))
}

/** subjectAltName with DNS names, each of any octets. */
export function dnsNames(...names: readonly string[]): Buffer {
  return extension('2.5.29.17', sequence(...names.map((name) => tlv(0x82, Buffer.from(name, 'latin1')))))
}

/** A Name of one RDN for each [type, value], all UTF8String. */
export function utf8Name(...attributes: readonly (readonly [string, string])[]): Buffer {
  return sequence(
    ...attributes.map(([type, value]) => setOf(sequence(objectIdentifier(type), tlv(0x0c, Buffer.from(value))))),
  )
}

export const CN = '2.5.4.3'
export const O = '2.5.4.10'
export const OU = '2.5.4.11'
