import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import {
  bitString,
  der,
  explicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
} from '../../../src/pki/der-write.js'
import { encodePem } from '../../../src/pki/pem.js'
import { keyIdentifier } from '../../../src/pki/public-key.js'
import { type Certificate, readCertificate } from '../../../src/pki/read-certificate.js'

/** A key of the tests: P-256. */
export interface Key {
  readonly privateKey: KeyObject
  readonly spki: Uint8Array
}

export function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, spki: publicKey.export({ type: 'spki', format: 'der' }) }
}

/** An extension as it goes into a certificate. */
export type RawExtension = Uint8Array

/** What a forged certificate says. */
export interface Forged {
  readonly subject: Uint8Array
  readonly issuer: Uint8Array
  readonly key: Key
  readonly issuerKey: Key
  readonly extensions: readonly RawExtension[]
}

const DAY = 86_400_000
const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))

function implicit(number: number, content: Uint8Array): Uint8Array {
  return der(0x80 | number, content)
}

function booleanTrue(): Uint8Array {
  return der(0x01, Uint8Array.of(0xff))
}

function utcTime(date: Date): Uint8Array {
  return der(
    0x17,
    Buffer.from(
      date
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(2),
    ),
  )
}

/** A certificate that OpenSSL can read, with whatever in it. */
export function forge({ subject, issuer, key, issuerKey, extensions }: Forged): Certificate {
  const now = Math.floor(Date.now() / 1000) * 1000
  const tbs = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(Buffer.concat([Buffer.of(0x5a), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    issuer,
    sequence(utcTime(new Date(now - DAY)), utcTime(new Date(now + 30 * DAY))),
    subject,
    key.spki,
    explicit(3, sequence(...extensions, skid(key), akid(issuerKey))),
  )
  const signature = sign('sha256', tbs, issuerKey.privateKey)
  return readCertificate(sequence(tbs, ECDSA_WITH_SHA256, bitString(signature)), 'a forged certificate')
}

export function pemOf(certificates: readonly Certificate[]): string {
  return certificates.map(({ der: octets }) => encodePem('CERTIFICATE', octets)).join('')
}

const ATTRIBUTE: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  OU: '2.5.4.11',
  O: '2.5.4.10',
  C: '2.5.4.6',
  emailAddress: '1.2.840.113549.1.9.1',
}

const STRING: Readonly<Record<string, number>> = { utf8: 0x0c, printable: 0x13, ia5: 0x16, bmp: 0x1e, t61: 0x14 }

/** A name from `CN=Factory-CA,OU=acme`; `O:printable=acme` says the type of a string, `+` joins attributes of one RDN. */
export function dn(text: string): Uint8Array {
  const rdns =
    text === '' ? [] : text.split(',').map((rdn) => der(0x31, ...rdn.split('+').map(attribute).sort(Buffer.compare)))
  return sequence(...rdns)
}

function attribute(text: string): Uint8Array {
  const [, type = '', encoding, value = ''] = /^(\w+)(?::(\w+))?=(.*)$/s.exec(text) ?? []
  const tag = STRING[encoding ?? (type === 'emailAddress' ? 'ia5' : 'utf8')] ?? 0
  const octets = encoding === 'bmp' ? Buffer.from(value, 'utf16le').swap16() : Buffer.from(value, 'utf8')
  return sequence(objectIdentifier(ATTRIBUTE[type] ?? ''), der(tag, octets))
}

/** A GeneralName from `DNS:a.example`, `IP:10.0.0.0/255.0.0.0`, `dir:O=acme`; RID and other are forms that nobody compares. */
function generalName(text: string): Uint8Array {
  const [, form = '', value = ''] = /^(\w+):(.*)$/s.exec(text) ?? []
  if (form === 'dir') return explicit(4, dn(value))
  if (form === 'IP') return implicit(7, Buffer.from(value.split('/').flatMap(addressOctets)))
  if (form === 'RID') return implicit(8, objectIdentifier(value).subarray(2))
  if (form === 'UPN')
    return der(
      0xa0,
      Buffer.concat([objectIdentifier('1.3.6.1.4.1.311.20.2.3'), explicit(0, der(0x0c, Buffer.from(value)))]),
    )
  return implicit({ email: 1, DNS: 2, URI: 6 }[form] ?? 0, Buffer.from(value, 'latin1'))
}

function addressOctets(address: string): readonly number[] {
  return address.includes('.') ? address.split('.').map(Number) : [...Buffer.from(address.replaceAll(':', ''), 'hex')]
}

function extension(type: string, value: Uint8Array, critical = true): RawExtension {
  return sequence(objectIdentifier(type), ...(critical ? [booleanTrue()] : []), octetString(value))
}

export function nameConstraints(permitted: readonly string[], excluded: readonly string[] = [], critical = true) {
  const subtrees = (number: number, names: readonly string[]) =>
    names.length === 0 ? [] : [explicit(number, ...names.map((name) => sequence(generalName(name))))]
  return extension('2.5.29.30', sequence(...subtrees(0, permitted), ...subtrees(1, excluded)), critical)
}

export function san(...names: readonly string[]): RawExtension {
  return extension('2.5.29.17', sequence(...names.map(generalName)), false)
}

export function basicConstraints(pathLength?: number): RawExtension {
  const limit = pathLength === undefined ? [] : [integer(Uint8Array.of(pathLength))]
  return extension('2.5.29.19', sequence(booleanTrue(), ...limit))
}

export function keyUsage(octet: number): RawExtension {
  const unused = 31 - Math.clz32(octet & -octet)
  return extension('2.5.29.15', bitString(Uint8Array.of(octet), unused))
}

export function policies(...identifiers: readonly string[]): RawExtension {
  return extension('2.5.29.32', sequence(...identifiers.map((id) => sequence(objectIdentifier(id)))), false)
}

export function policyMappings(...pairs: readonly (readonly [string, string])[]): RawExtension {
  return extension('2.5.29.33', sequence(...pairs.map(([a, b]) => sequence(objectIdentifier(a), objectIdentifier(b)))))
}

export function policyConstraints(explicitPolicy: number | null, mapping: number | null = null): RawExtension {
  const skip = (number: number, count: number | null) =>
    count === null ? [] : [implicit(number, Uint8Array.of(count))]
  return extension('2.5.29.36', sequence(...skip(0, explicitPolicy), ...skip(1, mapping)))
}

export function inhibitAnyPolicy(count: number): RawExtension {
  return extension('2.5.29.54', integer(Uint8Array.of(count)))
}

function skid({ spki }: Key): RawExtension {
  return extension('2.5.29.14', octetString(keyIdentifier(spki)), false)
}

function akid({ spki }: Key): RawExtension {
  return extension('2.5.29.35', sequence(implicit(0, keyIdentifier(spki))), false)
}
