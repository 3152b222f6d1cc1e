import { FpkiError } from '../errors.js'
import { contentOf, type Der, parseDer, readInteger, readObjectIdentifier, sequenceMembers } from '../pki/der.js'
import { oid } from '../pki/oids.js'
import {
  decrypt,
  deriveKey,
  type Encryption,
  type KeyDerivation,
  readEncryption,
  readKeyDerivation,
  readRounds,
  readSalt,
} from './key-derivation.js'

/** An EncryptedPrivateKeyInfo (RFC 5958, section 3) whose key derivation is within limits. */
export type EncryptedKey =
  | {
      readonly scheme: 'PBES2'
      readonly derivation: KeyDerivation
      readonly encryption: Encryption
      readonly encrypted: Uint8Array
    }
  /** PBES1 and the PKCS#12 schemes, which only OpenSSL implements. */
  | { readonly scheme: 'old' }

/** A fraction of a second in OpenSSL, which derives on the main thread. Java's keytool uses 10,000. */
const MAX_OLD_ROUNDS = 200_000

/** Parses the parameters of an encrypted key, before any passphrase is tried. Throws a plain Error. */
export function readEncryptedKey(der: Uint8Array): EncryptedKey {
  const [algorithm, encrypted] = sequenceMembers(parseDer(der), 2)
  const [scheme, parameters] = sequenceMembers(algorithm, 1, 2)
  const content = contentOf(encrypted, 'octetString')
  if (readObjectIdentifier(scheme) !== oid('PBES2')) return old(parameters)
  const [derivationFunction, encryptionScheme] = sequenceMembers(parameters, 2)
  const encryption = readEncryption(encryptionScheme)
  const derivation = readKeyDerivation(derivationFunction, encryption.keyLength)
  return { scheme: 'PBES2', derivation, encryption, encrypted: content }
}

/**
 * Decrypts the PrivateKeyInfo (DER, secret); null when the passphrase is wrong. Rejects with the reason of `signal` when that
 * is aborted.
 */
export async function decryptKey(
  { derivation, encryption, encrypted }: EncryptedKey & { readonly scheme: 'PBES2' },
  passphrase: string,
  signal: AbortSignal | undefined,
): Promise<Buffer | null> {
  const key = await deriveKey(derivation, passphrase, encryption.keyLength, signal)
  const plain = decrypt(encryption, key, encrypted)
  key.fill(0)
  return plain !== null && isPrivateKeyInfo(plain) ? plain : null
}

/** PBEParameter (RFC 8018, A.3) and pkcs-12PbeParams (RFC 7292, appendix C) have the same encoding. */
function old(parameters: Der | undefined): EncryptedKey {
  const [salt, count] = sequenceMembers(parameters, 2)
  readSalt(salt)
  readRounds(count, MAX_OLD_ROUNDS)
  return { scheme: 'old' }
}

/** A wrong passphrase sometimes yields valid padding, but not a PrivateKeyInfo (RFC 5958, 2). */
function isPrivateKeyInfo(der: Uint8Array): boolean {
  try {
    const [version, algorithm, key] = sequenceMembers(parseDer(der), 3, 5)
    readInteger(version)
    sequenceMembers(algorithm, 1, 2)
    return contentOf(key, 'octetString').length > 0
  } catch {
    return false
  }
}

/** The passphrase of `what`, which is encrypted. Throws ERR_PASSPHRASE when it is missing. */
export function requiredPassphrase(passphrase: string | null, what: string): string {
  if (passphrase !== null) return passphrase
  throw new FpkiError('ERR_PASSPHRASE', `${what} is encrypted, and no passphrase was given.`, HINT)
}

/** The error for the wrong passphrase of `what`. */
export function wrongPassphrase(what: string, hint = HINT): FpkiError {
  return new FpkiError('ERR_PASSPHRASE', `Wrong passphrase for ${what}.`, hint)
}

const HINT = 'Pass the passphrase with --passphrase-file FILE (- for stdin) or in FPKI_PASSPHRASE.'
