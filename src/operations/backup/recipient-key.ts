import type { KeyObject } from 'node:crypto'
import { FpkiError } from '../../errors.js'
import type { Passphrases } from '../../ports.js'
import { anyKeyBlock } from '../../signer/key-pem.js'
import { privateKeyIn } from '../../signer/open-key.js'
import { readInputFile } from '../../storage/input-file.js'

/** The private key of a recipient, of any kind that OpenSSL reads. Throws ERR_BAD_FILE, ERR_BAD_KEY, ERR_PASSPHRASE. */
export async function readRecipientKey(path: string, passphrases: Passphrases): Promise<KeyObject> {
  const text = (await readInputFile(path, 64 * 1024)).toString()
  const block = anyKeyBlock(text)
  if (block === null) throw wrongRecipientKey(path, 'is not a private key in PEM')
  const passphrase = block.isEncrypted ? await passphrases.forExisting(path) : null
  return privateKeyIn(block, path, { passphrase, signal: passphrases.signal })
}

/** The error for a file that is not the private key of a recipient. */
export function wrongRecipientKey(path: string, reason: string): FpkiError {
  const hint = 'Pass the private key of a recipient of the backup, in PEM.'
  return new FpkiError('ERR_BAD_KEY', `${path} ${reason}.`, hint)
}
