import { createHash, sign } from 'node:crypto'
import { buildCsr, CN, extension, type KeyPair, newKey, OU, spkiOf, utf8Name } from './csr.js'
import { bitString, integer, objectIdentifier, octetString, sequence, tlv } from './der.js'

/** What a certificate made by {@link buildCertificate} says; everything may be wrong on purpose. All is DER. */
export interface CertificateParts {
  readonly version?: Uint8Array
  readonly serial?: Uint8Array
  readonly algorithm?: Uint8Array
  readonly notBefore?: Uint8Array
  readonly notAfter?: Uint8Array
  readonly subject?: Uint8Array
  readonly extensions?: readonly Uint8Array[]
}

/** What a CRL made by {@link buildCrl} says. */
export interface CrlParts {
  readonly thisUpdate?: Uint8Array
  readonly nextUpdate?: Uint8Array
  readonly number?: Uint8Array
  /** The revokedCertificates. */
  readonly entries?: Uint8Array
}

/** When the rules look at what is built here. */
export const BUILT_NOW = new Date('2027-01-01T00:00:00Z')

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const ROOT_NAME = utf8Name([CN, 'Factory-CA'], [OU, 'acme'])
const ROOT_KEY = newKey()
const SERVER_KEY = newKey()

/** A UTCTime. */
export function utcTime(text: string): Buffer {
  return tlv(0x17, Buffer.from(text))
}

/** An Extension that is critical. */
export function critical(oid: string, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(oid), tlv(0x01, Buffer.of(0xff)), octetString(value))
}

function keyId({ publicKey }: KeyPair): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest()
}

/** authorityKeyIdentifier of the root. */
export const ROOT_KEY_ID = sequence(tlv(0x80, keyId(ROOT_KEY)))

/** The extensions of a TLS server's certificate, by what they are. */
export const SERVER_EXTENSIONS = {
  keyUsage: critical('2.5.29.15', tlv(0x03, Buffer.of(7, 0x80))),
  extKeyUsage: extension('2.5.29.37', sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'))),
  subjectKeyIdentifier: extension('2.5.29.14', octetString(keyId(SERVER_KEY))),
  authorityKeyIdentifier: extension('2.5.29.35', ROOT_KEY_ID),
  subjectAltName: extension('2.5.29.17', sequence(tlv(0x82, Buffer.from('gateway.example')))),
}

/** The certificate of a TLS server (DER), right but for `parts`, and signed by {@link builtRoot}. */
export function buildCertificate(parts: CertificateParts = {}): Buffer {
  return certificate({ subject: utf8Name([CN, 'gateway.example']), ...parts }, SERVER_KEY)
}

/** A root (DER) that nothing is wrong with. */
export function builtRoot(): Buffer {
  const extensions = [
    critical('2.5.29.15', tlv(0x03, Buffer.of(1, 0x06))),
    extension('2.5.29.37', sequence(...['1', '2'].map((last) => objectIdentifier(`1.3.6.1.5.5.7.3.${last}`)))),
    critical('2.5.29.19', sequence(tlv(0x01, Buffer.of(0xff)))),
    extension('2.5.29.14', octetString(keyId(ROOT_KEY))),
  ]
  return certificate({ subject: ROOT_NAME, notAfter: utcTime('461123094355Z'), extensions }, ROOT_KEY)
}

function certificate(parts: CertificateParts, key: KeyPair): Buffer {
  const tbs = sequence(
    parts.version ?? tlv(0xa0, integer(2)),
    parts.serial ?? integer(0x5a000102030405060708090a0b0c0d0e0f101112n + BigInt(key === ROOT_KEY ? 1 : 0)),
    parts.algorithm ?? ECDSA_WITH_SHA256,
    ROOT_NAME,
    sequence(parts.notBefore ?? utcTime('261123094355Z'), parts.notAfter ?? utcTime('361123094355Z')),
    parts.subject ?? sequence(),
    spkiOf(key),
    tlv(0xa3, sequence(...(parts.extensions ?? Object.values(SERVER_EXTENSIONS)))),
  )
  return signed(tbs)
}

function signed(tbs: Buffer): Buffer {
  return sequence(tbs, ECDSA_WITH_SHA256, bitString(sign('sha256', tbs, ROOT_KEY.privateKey)))
}

/** A CRL (DER) of {@link builtRoot}, right but for `parts`. */
export function buildCrl(parts: CrlParts = {}): Buffer {
  const reason = extension('2.5.29.21', tlv(0x0a, Buffer.of(9)))
  return signed(
    sequence(
      integer(1),
      ECDSA_WITH_SHA256,
      ROOT_NAME,
      parts.thisUpdate ?? utcTime('261231235955Z'),
      parts.nextUpdate ?? utcTime('270101001455Z'),
      parts.entries ?? sequence(sequence(integer(5), utcTime('261231235955Z'), sequence(reason))),
      tlv(0xa0, sequence(extension('2.5.29.35', ROOT_KEY_ID), parts.number ?? extension('2.5.29.20', integer(1)))),
    ),
  )
}

/** A request (DER) that nothing is wrong with. */
export function builtCsr(): Buffer {
  const names = sequence(
    objectIdentifier('1.2.840.113549.1.9.14'),
    tlv(0x31, sequence(SERVER_EXTENSIONS.subjectAltName)),
  )
  return buildCsr({ subject: utf8Name([CN, 'gateway.example']), attributes: [names] })
}
