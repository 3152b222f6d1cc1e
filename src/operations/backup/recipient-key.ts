import type { KeyObject } from 'node:crypto'
import { FpkiError } from '../../errors.js'
import type { Passphrases } from '../../ports.js'
import { anyKeyBlock } from '../../signer/key-pem.js'
import { privateKeyIn } from '../../signer/open-key.js'
import { readInputFile } from '../../storage/input-file.js'

/**
 * The private key of a person, of any kind that OpenSSL reads; `passphrases` when it is encrypted. Throws ERR_BAD_FILE,
 * ERR_BAD_KEY, ERR_PASSPHRASE.
 */
export async function readRecipientKey(path: string, passphrases: Passphrases): Promise<KeyObject> {
  const text = (await readInputFile(path, 64 * 1024)).toString()
  const block = anyKeyBlock(text)
  if (block === null) throw wrongRecipientKey(path, 'cannot be read as a private key')
  const passphrase = block.isEncrypted ? await passphrases.forExisting(path) : null
  return privateKeyIn(block, path, { passphrase, signal: passphrases.signal })
}

/** The error for a file that is not the key of anybody who can open the backup. */
export function wrongRecipientKey(path: string, reason: string): FpkiError {
  const hint = 'Give the private key of a certificate that the backup was made for, in PEM, and its passphrase.'
  return new FpkiError('ERR_BAD_KEY', `${path} ${reason}.`, hint)
}
