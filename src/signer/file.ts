import type { Curve, Random, Signer } from '../ports.js'
import { type KeyOpener, openEcKey } from './open-key.js'

/** Generates an EC private key as PEM `EC PRIVATE KEY` (SEC 1), the form of docs/profile.md#key-files. Secret. */
export function newPrivateKeyPem(random: Random, curve: Curve): string {
  return random.ecPrivateKey(curve).pem
}

/** The signer of a private key in PEM. Arguments and errors as for {@link openEcKey}. */
export async function pemSigner(pem: string, what: string, opener: KeyOpener = {}): Promise<Signer> {
  return (await openEcKey(pem, what, opener)).signer
}
