import { FpkiError } from '../errors.js'
import { provesPossession } from '../pki/possession.js'
import type { Signer } from '../ports.js'

/** Signs a test message, and has OpenSSL verify it. `name` is the token. Throws ERR_SIGNATURE. */
export async function proveSigner(signer: Signer, name: string): Promise<void> {
  if (!(await provesPossession(signer, signer.spki))) throw badSignatures(name)
}

/** The error for a token whose signatures do not verify with the public key that it shows. */
export function badSignatures(name: string): FpkiError {
  return new FpkiError(
    'ERR_SIGNATURE',
    `${name} returned a signature that OpenSSL does not verify.`,
    'Nothing was written. Update the software of the token, or use another token.',
  )
}
