import { verify } from 'node:crypto'
import { FpkiError } from '../errors.js'
import { readPublicKey } from '../pki/public-key.js'
import { statement } from '../pki/statement.js'
import type { Signer } from '../ports.js'

/** Signs a test message, and has OpenSSL verify it. `name` is the token or the file. Throws ERR_SIGNATURE. */
export async function proveSigner({ publicKey, algorithm, sign }: Signer, name: string): Promise<void> {
  const message = statement('fpki tests that this key signs')
  const signature = await sign(message)
  if (verify(algorithm.hash, message, readPublicKey(publicKey).key, signature)) return
  throw new FpkiError(
    'ERR_SIGNATURE',
    `${name} signs in a way that OpenSSL does not verify.`,
    'Nothing was written. Update the software of the token, or take another one; a file must come from a backup.',
  )
}
