import { createHash, createHmac } from 'node:crypto'
import { TAG } from '../pki/der.js'
import { der, explicit, integer, objectIdentifier, octetString, sequence, setOf } from '../pki/der-write.js'
import { type OidName, oid } from '../pki/oids.js'
import { decodeOnePem } from '../pki/pem.js'
import type { EncryptionPorts } from '../ports.js'
import { encryptKey, roundsInteger } from './pkcs8.js'

/** A key and its certificates. */
interface KeyWithChain {
  /** The friendly name. */
  readonly name: string
  /** PEM in the clear. Secret. */
  readonly key: string
  /** DER; the key's own certificate first. */
  readonly certificates: readonly Uint8Array[]
}

/**
 * A PKCS#12 file (RFC 7292) for OpenSSL, GnuTLS and Java: the key as encrypted by {@link encryptKey} with AES-256, the
 * certificates, and a SHA-256 MAC over both with as many rounds.
 *
 * @param passphrase see {@link encryptKey}. Secret
 */
export function pkcs12(
  { name, key, certificates }: KeyWithChain,
  passphrase: string,
  ports: EncryptionPorts,
): Uint8Array {
  const [own = Uint8Array.of()] = certificates
  const keyId = createHash('sha1').update(own).digest()
  const ofKey = [attribute('friendlyName', bmpString(name)), attribute('localKeyID', octetString(keyId))]
  const encrypted = decodeOnePem('ENCRYPTED PRIVATE KEY', encryptKey(key, passphrase, ports), name)
  const bags = certificates.map((certificate) => {
    const value = sequence(objectIdentifier(oid('x509Certificate')), explicit(0, octetString(certificate)))
    return bag('certBag', value, certificate === own ? ofKey : [])
  })
  const safe = sequence(data(sequence(...bags)), data(sequence(bag('pkcs8ShroudedKeyBag', encrypted, ofKey))))
  return sequence(integer(Uint8Array.of(3)), data(safe), macData(safe, passphrase, ports))
}

function data(content: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(oid('data')), explicit(0, octetString(content)))
}

function bag(type: OidName, value: Uint8Array, attributes: readonly Uint8Array[]): Uint8Array {
  const set = attributes.length === 0 ? [] : [der(TAG.set, ...[...attributes].sort(Buffer.compare))]
  return sequence(objectIdentifier(oid(type)), explicit(0, value), ...set)
}

function attribute(type: OidName, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(oid(type)), setOf(value))
}

function bmpString(text: string): Uint8Array {
  return der(TAG.bmpString, bmp(text))
}

function bmp(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le').swap16()
}

function macData(safe: Uint8Array, passphrase: string, { random, passphraseRounds }: EncryptionPorts): Uint8Array {
  const salt = random.bytes(16)
  const mac = createHmac('sha256', macKey(passphrase, salt, passphraseRounds))
    .update(safe)
    .digest()
  const algorithm = sequence(objectIdentifier(oid('SHA-256')), der(TAG.null))
  return sequence(sequence(algorithm, octetString(mac)), octetString(salt), roundsInteger(passphraseRounds))
}

/** RFC 7292, appendix B.2, for SHA-256: the key has the length of one digest, so step 6 runs once. */
function macKey(passphrase: string, salt: Uint8Array, rounds: number): Uint8Array {
  const password = Buffer.concat([bmp(passphrase), Buffer.alloc(2)])
  let key = Buffer.concat([Buffer.alloc(BLOCK, 3), padded(salt), padded(password)])
  for (let round = 0; round < rounds; round++) key = createHash('sha256').update(key).digest()
  return key
}

/** The block size of SHA-256, in octets. */
const BLOCK = 64

/** Repeats `octets` up to the end of a block. */
function padded(octets: Uint8Array): Uint8Array {
  return Buffer.alloc(Math.ceil(octets.length / BLOCK) * BLOCK, octets)
}
