import type { Signer } from '../ports.js'
import { type KeyOpener, openEcKey } from './open-key.js'

/** The signer of a private key in PEM. Arguments and errors as for {@link openEcKey}. */
export async function pemSigner(pem: string, what: string, opener: KeyOpener = {}): Promise<Signer> {
  return (await openEcKey(pem, what, opener)).signer
}
