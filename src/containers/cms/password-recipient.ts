import { createCipheriv, createDecipheriv, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { Null, OctetString } from 'asn1js'
import { AlgorithmIdentifier, PasswordRecipientinfo, PBKDF2Params } from 'pkijs'
import { parseDer } from '../../pki/der.js'
import { oid } from '../../pki/oids.js'
import type { EncryptionPorts, Random } from '../../ports.js'
import { deriveKey, type KeyDerivation, readKeyDerivation } from '../key-derivation.js'

const BLOCK = 16
const KEY = 32

/**
 * Encrypts `contentKey` with `passphrase` (both secret): a PasswordRecipientInfo (RFC 5652, 6.2.4) as in RFC 3211. pkijs's
 * own implementation uses AES key wrap, which OpenSSL cannot open.
 */
export function encryptForPassphrase(
  contentKey: Uint8Array,
  passphrase: string,
  { random, passphraseRounds }: EncryptionPorts,
): PasswordRecipientinfo {
  const [salt, iv] = [random.bytes(BLOCK), random.bytes(BLOCK)]
  const wrapped = wrap(contentKey, derivePassphraseKey(passphrase, salt, passphraseRounds), iv, random)
  const prf = new AlgorithmIdentifier({ algorithmId: oid('hmacWithSHA256'), algorithmParams: new Null() })
  const derivation = new PBKDF2Params({
    salt: new OctetString({ valueHex: salt }),
    iterationCount: passphraseRounds,
    prf,
  }).toSchema()
  const cipher = new AlgorithmIdentifier({
    algorithmId: oid('aes256-CBC'),
    algorithmParams: new OctetString({ valueHex: iv }),
  }).toSchema()
  return new PasswordRecipientinfo({
    version: 0,
    keyDerivationAlgorithm: new AlgorithmIdentifier({ algorithmId: oid('PBKDF2'), algorithmParams: derivation }),
    keyEncryptionAlgorithm: new AlgorithmIdentifier({ algorithmId: oid('PWRI-KEK'), algorithmParams: cipher }),
    encryptedKey: new OctetString({ valueHex: wrapped }),
  })
}

/**
 * Decrypts the content key; null when the passphrase is wrong. Rejects with a plain Error when fpki did not write it or the
 * derivation costs too much, and with the reason of `signal` when that is aborted.
 */
export async function decryptWithPassphrase(
  info: PasswordRecipientinfo,
  passphrase: string,
  signal: AbortSignal | undefined,
): Promise<Buffer | null> {
  const { keyEncryptionAlgorithm, encryptedKey } = info
  const derivation = derivationOf(info)
  const cipher = new AlgorithmIdentifier({ schema: keyEncryptionAlgorithm.algorithmParams })
  const isSupported = keyEncryptionAlgorithm.algorithmId === oid('PWRI-KEK') && cipher.algorithmId === oid('aes256-CBC')
  if (!isSupported) throw new Error('its key encryption algorithm is not supported')
  const key = await deriveKey(derivation, passphrase, KEY, signal)
  return unwrap(octetsOf(encryptedKey), key, octetsOf(cipher.algorithmParams))
}

/**
 * Refuses expensive recipients before prompting for a passphrase: adding one takes no secret. Throws a plain Error.
 */
export function checkPasswordCost(infos: readonly unknown[]): void {
  const passwords = infos.filter((info) => info instanceof PasswordRecipientinfo)
  passwords.forEach(derivationOf)
  if (passwords.length > 1) throw new Error('it has more than one passphrase recipient, which fpki never writes')
}

/** The key derivation of a recipient, within limits. Throws a plain Error. */
function derivationOf({ keyDerivationAlgorithm }: PasswordRecipientinfo): KeyDerivation {
  if (keyDerivationAlgorithm === undefined) throw new Error('it has no key derivation algorithm')
  const der = new Uint8Array(keyDerivationAlgorithm.toSchema().toBER())
  return readKeyDerivation(parseDer(der), KEY)
}

function derivePassphraseKey(passphrase: string, salt: Uint8Array, rounds: number): Buffer {
  return pbkdf2Sync(passphrase, salt, rounds, KEY, 'sha256')
}

function octetsOf(value: unknown): Uint8Array {
  if (value instanceof OctetString) return new Uint8Array(value.valueBlock.valueHexView)
  throw new Error('an OCTET STRING is missing')
}

/** RFC 3211, 2.3.1: length, check octets, key and padding, encrypted twice in one CBC chain. */
function wrap(contentKey: Uint8Array, key: Buffer, iv: Uint8Array, random: Random): Buffer {
  const head = Buffer.of(contentKey.length, ...checkOctets(contentKey))
  const length = head.length + contentKey.length
  const plain = Buffer.concat([head, contentKey, random.bytes(Math.ceil(length / BLOCK) * BLOCK - length)])
  const cipher = createCipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
  return cipher.update(cipher.update(plain))
}

/** RFC 3211, 2.3.2. */
function unwrap(wrapped: Uint8Array, key: Buffer, iv: Uint8Array): Buffer | null {
  const isWellFormed = wrapped.length >= 2 * BLOCK && wrapped.length % BLOCK === 0 && iv.length === BLOCK
  if (!isWellFormed) throw new Error('its wrapped key is malformed')
  const decrypt = (input: Uint8Array, from: Uint8Array) =>
    createDecipheriv('aes-256-cbc', key, from).setAutoPadding(false).update(input)
  // The last block of the inner layer is the IV of the outer one.
  const last = decrypt(wrapped.subarray(-BLOCK), wrapped.subarray(-2 * BLOCK, -BLOCK))
  const plain = decrypt(decrypt(wrapped, last), iv)
  const contentKey = plain.subarray(4, 4 + KEY)
  const isKey = plain[0] === KEY && contentKey.length === KEY
  return isKey && timingSafeEqual(plain.subarray(1, 4), checkOctets(contentKey)) ? contentKey : null
}

function checkOctets(contentKey: Uint8Array): Buffer {
  return Buffer.from(contentKey.subarray(0, 3)).map((octet) => octet ^ 0xff) as Buffer
}
