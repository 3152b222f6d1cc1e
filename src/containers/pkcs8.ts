import { createCipheriv, createPrivateKey, pbkdf2Sync } from 'node:crypto'
import { FpkiError } from '../errors.js'
import { TAG } from '../pki/der.js'
import { der, integer, objectIdentifier, octetString, sequence } from '../pki/der-write.js'
import { oid } from '../pki/oids.js'
import { encodePem } from '../pki/pem.js'
import type { EncryptionPorts } from '../ports.js'

/** Rounds of PBKDF2 with HMAC-SHA-256 (OWASP's minimum). Node's own export uses 2048, which GPUs break quickly. */
export const PASSPHRASE_ROUNDS = 600_000

/** The minimum length of a new passphrase. */
const MIN_CHARACTERS = 8
/** The openssl command reads no more than 1024 octets. */
const MAX_OCTETS = 1000

/**
 * Encrypts a private key as PEM `ENCRYPTED PRIVATE KEY`: PKCS#8 with PBES2, PBKDF2 with HMAC-SHA-256 and AES-256-CBC
 * (RFC 8018, 6.2).
 *
 * @param pem a private key in the clear. Secret
 * @param passphrase see {@link checkNewPassphrase}. Secret
 */
export function encryptKey(pem: string, passphrase: string, { random, passphraseRounds }: EncryptionPorts): string {
  const salt = random.bytes(16)
  const iv = random.bytes(16)
  const key = pbkdf2Sync(passphrase, salt, passphraseRounds, 32, 'sha256')
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  const plain = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' })
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()])
  key.fill(0)
  plain.fill(0)
  const algorithm = sequence(
    objectIdentifier(oid('PBES2')),
    sequence(derivation(salt, passphraseRounds), encryption(iv)),
  )
  return encodePem('ENCRYPTED PRIVATE KEY', sequence(algorithm, octetString(encrypted)))
}

/** Returns `passphrase`. Throws ERR_PASSPHRASE when it is too short, too long or not UTF-8. */
export function checkNewPassphrase(passphrase: string): string {
  const problem =
    [...passphrase].length < MIN_CHARACTERS
      ? `has fewer than ${MIN_CHARACTERS} characters`
      : Buffer.byteLength(passphrase) > MAX_OCTETS
        ? `is longer than ${MAX_OCTETS} octets`
        : passphrase.includes('\ufffd')
          ? 'is not valid UTF-8, so other programs could not use it'
          : null
  if (problem === null) return passphrase
  throw new FpkiError(
    'ERR_PASSPHRASE',
    `The new passphrase ${problem}.`,
    'Nothing was encrypted. Choose a longer one, such as five or more random words.',
  )
}

function derivation(salt: Uint8Array, rounds: number): Uint8Array {
  const prf = sequence(objectIdentifier(oid('hmacWithSHA256')), der(TAG.null))
  return sequence(objectIdentifier(oid('PBKDF2')), sequence(octetString(salt), roundsInteger(rounds), prf))
}

/** Encodes a number of rounds as a DER INTEGER. */
export function roundsInteger(rounds: number): Uint8Array {
  return integer(Buffer.from(rounds.toString(16).padStart(8, '0'), 'hex'))
}

function encryption(iv: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(oid('aes256-CBC')), octetString(iv))
}
