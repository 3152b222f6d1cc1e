import { FpkiError } from '../../errors.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { sameOctets } from '../../pki/octets.js'
import { encodePem } from '../../pki/pem.js'
import type { Passphrases, Signer } from '../../ports.js'
import { openEcKey } from '../../signer/open-key.js'
import { sheetError } from './frame.js'
import { type PaperKey, readPaper, type TypedPaper } from './parts.js'
import { combinedPassphrase, requireShares } from './shares.js'

/** A key from a sheet, decrypted. */
export interface OpenedPaper {
  /** PEM as on the sheet, encrypted or not. Secret. */
  readonly pem: string
  /** PEM `EC PRIVATE KEY`. Secret. */
  readonly clear: string
  readonly signer: Signer
}

/** Names the key in messages. */
const KEY_ON_SHEET = 'the key on the sheet'

/** The key as PEM. Secret. */
export function keyPem({ der, isEncrypted }: PaperKey): string {
  return encodePem(isEncrypted ? 'ENCRYPTED PRIVATE KEY' : 'PRIVATE KEY', der)
}

/** Why the lines typed so far do not recover the key, without quoting them; null: they do. */
export function paperProblem(text: string): string | null {
  try {
    const { key, shares } = readPaper(text)
    if (shares.length > 0) requireShares(shares, key)
    return null
  } catch (error) {
    if (error instanceof FpkiError) return error.message
    throw error
  }
}

/**
 * Decrypts the key of a sheet with the passphrase recovered from its shares; without shares, with the one of
 * `passphrases`. Throws ERR_BAD_FILE, ERR_BAD_KEY, ERR_PASSPHRASE.
 */
export async function openPaper(
  { key, shares }: TypedPaper,
  passphrases: Pick<Passphrases, 'forExisting' | 'signal'>,
): Promise<OpenedPaper> {
  const pem = keyPem(key)
  const recovered = shares.length === 0 ? null : await combinedPassphrase(shares, key)
  const passphrase = key.isEncrypted ? (recovered ?? (await passphrases.forExisting(KEY_ON_SHEET))) : null
  const { signer, clearPem } = await openEcKey(pem, KEY_ON_SHEET, { passphrase, signal: passphrases.signal })
  const digest = Buffer.from(fingerprintOf(signer.spki), 'hex')
  if (
    key.publicKeyDigest !== null &&
    !sameOctets(digest.subarray(0, key.publicKeyDigest.length), key.publicKeyDigest)
  ) {
    throw sheetError('the key does not match the public key digest in its lines')
  }
  return { pem, clear: clearPem('sec1'), signer }
}
