import { FpkiError } from '../../errors.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { sameOctets } from '../../pki/octets.js'
import { encodePem } from '../../pki/pem.js'
import type { Passphrases, Signer } from '../../ports.js'
import { openEcKey } from '../../signer/open-key.js'
import { badLines } from './frame.js'
import { type PaperKey, readPaper, type TypedPaper } from './parts.js'
import { combinedPassphrase, requireShares } from './shares.js'

/** A key from paper, opened. */
export interface OpenedPaper {
  /** PEM as it is on the sheet. Secret. */
  readonly pem: string
  /** PEM `EC PRIVATE KEY`. Secret. */
  readonly clear: string
  readonly signer: Signer
}

/** Names the key in messages. */
const ON_PAPER = 'the key on the sheet'

/** The key as PEM. Secret. */
export function keyPem({ der, isEncrypted }: PaperKey): string {
  return encodePem(isEncrypted ? 'ENCRYPTED PRIVATE KEY' : 'PRIVATE KEY', der)
}

/** Why the lines that were typed so far are not all that is needed, in words that hold nothing of them; null: they are. */
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
 * Opens the key of a sheet, with the passphrase that its shares make, or with that of `passphrases`, which is asked for
 * only when it is needed. Throws ERR_BAD_FILE, ERR_BAD_KEY, ERR_PASSPHRASE.
 */
export async function openPaper(
  { key, shares }: TypedPaper,
  passphrases: Pick<Passphrases, 'forExisting' | 'signal'>,
): Promise<OpenedPaper> {
  const pem = keyPem(key)
  const shared = shares.length === 0 ? null : await combinedPassphrase(shares, key)
  const passphrase = key.isEncrypted ? (shared ?? (await passphrases.forExisting(ON_PAPER))) : null
  const { signer, clearPem } = await openEcKey(pem, ON_PAPER, { passphrase, signal: passphrases.signal })
  const digest = Buffer.from(fingerprintOf(signer.spki), 'hex')
  if (
    key.publicKeyDigest !== null &&
    !sameOctets(digest.subarray(0, key.publicKeyDigest.length), key.publicKeyDigest)
  ) {
    throw badLines('the key is another one than its lines say')
  }
  return { pem, clear: clearPem('sec1'), signer }
}
