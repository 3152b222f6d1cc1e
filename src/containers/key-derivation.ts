import { createDecipheriv, pbkdf2, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { contentOf, type Der, readInteger, readObjectIdentifier, sequenceMembers, TAG } from '../pki/der.js'
import { type OidName, oidName } from '../pki/oids.js'

/** The parameters of a key derivation, taken from the encrypted file, within the limits below. */
export type KeyDerivation =
  | { readonly kind: 'PBKDF2'; readonly salt: Uint8Array; readonly rounds: number; readonly hash: string }
  | { readonly kind: 'scrypt'; readonly salt: Uint8Array; readonly N: number; readonly r: number; readonly p: number }

/**
 * A hostile file could demand any cost. 16 times the rounds of fpki take a few seconds.
 */
export const MAX_ROUNDS = 10_000_000
/** OWASP's strongest recommendation, N = 2^17 with r = 8, needs half of this. */
const MAX_SCRYPT_MEMORY = 256 * 1024 * 1024
/** N·r·p; takes as long as {@link MAX_ROUNDS}. */
const MAX_SCRYPT_WORK = 2 ** 23
const MAX_SALT = 1024

/** The supported pseudorandom functions of PBKDF2 (RFC 8018, B.1.2). */
const HASH_OF_PRF: Readonly<Partial<Record<OidName, string>>> = {
  hmacWithSHA1: 'sha1',
  hmacWithSHA224: 'sha224',
  hmacWithSHA256: 'sha256',
  hmacWithSHA384: 'sha384',
  hmacWithSHA512: 'sha512',
}

/**
 * Parses a keyDerivationFunc of PBES2 (RFC 8018, A.2; RFC 7914, 7.1). Throws a plain Error when it is malformed, not
 * supported, or too expensive.
 *
 * @param keyLength the key length of the cipher, with which the file must agree
 */
export function readKeyDerivation(value: Der | undefined, keyLength: number): KeyDerivation {
  const [algorithm, parameters] = sequenceMembers(value, 2)
  const name = oidName(readObjectIdentifier(algorithm))
  if (name === 'PBKDF2') return readPbkdf2(parameters, keyLength)
  if (name === 'scrypt') return readScrypt(parameters, keyLength)
  throw new Error(`its key derivation is not supported: ${name}`)
}

/**
 * Derives `keyLength` octets off the main thread, so that signals are still handled. Rejects with the reason of `signal` as
 * soon as it is aborted.
 */
export async function deriveKey(
  derivation: KeyDerivation,
  passphrase: string,
  keyLength: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  signal?.throwIfAborted()
  const { salt } = derivation
  const derived =
    derivation.kind === 'PBKDF2'
      ? promisify(pbkdf2)(passphrase, salt, derivation.rounds, keyLength, derivation.hash)
      : scryptKey(derivation, passphrase, keyLength)
  return signal === undefined ? derived : Promise.race([derived, aborted(signal, derived)])
}

/** The encryption scheme of PBES2 (RFC 8018, B.2). */
export interface Encryption {
  readonly cipher: string
  readonly keyLength: number
  readonly iv: Uint8Array
}

const CIPHERS: Readonly<Partial<Record<OidName, { readonly cipher: string; readonly keyLength: number }>>> = {
  'aes128-CBC': { cipher: 'aes-128-cbc', keyLength: 16 },
  'aes192-CBC': { cipher: 'aes-192-cbc', keyLength: 24 },
  'aes256-CBC': { cipher: 'aes-256-cbc', keyLength: 32 },
  'des-EDE3-CBC': { cipher: 'des-ede3-cbc', keyLength: 24 },
}

/** Parses an encryptionScheme of PBES2 (RFC 8018, A.4). Throws a plain Error. */
export function readEncryption(value: Der | undefined): Encryption {
  const [algorithm, parameters] = sequenceMembers(value, 2)
  const name = oidName(readObjectIdentifier(algorithm))
  const cipher = Object.entries(CIPHERS).find(([candidate]) => candidate === name)?.[1]
  if (cipher === undefined) throw new Error(`its cipher is not supported: ${name}`)
  const iv = contentOf(parameters, 'octetString')
  if (iv.length !== (name === 'des-EDE3-CBC' ? 8 : 16))
    throw new Error('its initialization vector has the wrong length')
  return { ...cipher, iv }
}

/** Decrypts with a derived key; null when the padding is wrong, as with a wrong passphrase. */
export function decrypt({ cipher, iv }: Encryption, key: Uint8Array, encrypted: Uint8Array): Buffer | null {
  try {
    const decipher = createDecipheriv(cipher, key, iv)
    return Buffer.concat([decipher.update(encrypted), decipher.final()])
  } catch {
    return null
  }
}

/** Parses an iteration count within the limit. Throws a plain Error. */
export function readRounds(value: Der | undefined, max = MAX_ROUNDS): number {
  return numberIn(value, 'iteration count', max)
}

/** Parses a salt. Throws a plain Error when it is empty or too long. */
export function readSalt(value: Der | undefined): Uint8Array {
  const salt = contentOf(value, 'octetString')
  if (salt.length >= 1 && salt.length <= MAX_SALT) return salt
  throw new Error(`its salt has ${salt.length} octets (1 to ${MAX_SALT} are supported)`)
}

function readPbkdf2(parameters: Der | undefined, keyLength: number): KeyDerivation {
  const [salt, count, ...rest] = sequenceMembers(parameters, 2, 4)
  const length = rest[0]?.tag === TAG.integer ? rest.shift() : undefined
  const [prf, ...others] = rest
  if (others.length > 0) throw new Error('its PBKDF2 parameters have too many members')
  if (length !== undefined) requireKeyLength(length, keyLength)
  return { kind: 'PBKDF2', salt: readSalt(salt), rounds: readRounds(count), hash: hashOf(prf) }
}

/** The hash of the PRF, which defaults to HMAC with SHA-1 (RFC 8018, A.2). */
function hashOf(prf: Der | undefined): string {
  if (prf === undefined) return 'sha1'
  const [algorithm] = sequenceMembers(prf, 1, 2)
  const name = oidName(readObjectIdentifier(algorithm))
  const hash = Object.entries(HASH_OF_PRF).find(([candidate]) => candidate === name)?.[1]
  if (hash !== undefined) return hash
  throw new Error(`its pseudorandom function is not supported: ${name}`)
}

function readScrypt(parameters: Der | undefined, keyLength: number): KeyDerivation {
  const [saltValue, cost, block, parallel, length] = sequenceMembers(parameters, 4, 5)
  if (length !== undefined) requireKeyLength(length, keyLength)
  const salt = readSalt(saltValue)
  const N = numberIn(cost, 'scrypt cost N', MAX_SCRYPT_WORK)
  const r = numberIn(block, 'scrypt block size r', MAX_SCRYPT_WORK)
  const p = numberIn(parallel, 'scrypt parallelization p', MAX_SCRYPT_WORK)
  // RFC 7914, section 2.
  if (N < 2 || !Number.isInteger(Math.log2(N))) throw new Error('its scrypt cost N is not a power of 2')
  if (N * r * p > MAX_SCRYPT_WORK || scryptMemory({ N, r, p }) > MAX_SCRYPT_MEMORY) {
    throw new Error(`its scrypt cost (N=${N}, r=${r}, p=${p}) is above the limit`)
  }
  return { kind: 'scrypt', salt, N, r, p }
}

function scryptMemory({ N, r, p }: { readonly N: number; readonly r: number; readonly p: number }): number {
  return 128 * r * (N + p + 2)
}

function requireKeyLength(value: Der, keyLength: number): void {
  if (readInteger(value) !== BigInt(keyLength)) throw new Error('its key length does not match its cipher')
}

function numberIn(value: Der | undefined, name: string, max: number): number {
  const number = readInteger(value)
  if (number >= 1n && number <= BigInt(max)) return Number(number)
  throw new Error(`its ${name} is ${number > 0n ? 'above' : 'below'} the limit (1 to ${max})`)
}

function scryptKey(
  { salt, N, r, p }: KeyDerivation & { readonly kind: 'scrypt' },
  passphrase: string,
  keyLength: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { N, r, p, maxmem: 2 * MAX_SCRYPT_MEMORY }
    scrypt(passphrase, salt, keyLength, options, (error, key) => (error === null ? resolve(key) : reject(error)))
  })
}

function aborted(signal: AbortSignal, until: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    until.then(
      () => signal.removeEventListener('abort', onAbort),
      () => signal.removeEventListener('abort', onAbort),
    )
  })
}
