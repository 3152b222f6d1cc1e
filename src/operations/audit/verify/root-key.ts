import { PKI_FILES } from '../../../directory/names.js'
import { FpkiError } from '../../../errors.js'
import type { RootSigner } from '../../../keystore/root-key.js'
import { provesPossession } from '../../../pki/possession.js'
import type { Random } from '../../../ports.js'
import { isPlainKey } from '../../../signer/key-pem.js'
import { type Finding, found, holds } from './finding.js'
import type { Scene } from './scene.js'

/** Advice for a root key that lies in the clear; whether it is the right one, other checks say. */
export function checkPlainRootKey({ files }: Scene): readonly Finding[] {
  const { rootKey } = PKI_FILES
  const text = files.find(({ name }) => name === rootKey)?.text ?? null
  if (text === null || !isPlainKey(text, rootKey)) return []
  return [found('root-key.plain', rootKey, `${rootKey} is not encrypted.`)]
}

/** Signs a fresh nonce with the root key, wherever it is, and holds the signature against factory_ca.pem. */
export async function checkRootKey(
  { root }: Scene,
  signer: RootSigner | null,
  random: Random,
): Promise<readonly Finding[]> {
  const file = PKI_FILES.rootCertificate
  if (signer === null) return [found('root-key.skipped', null, 'The root key was not looked at.')]
  if (root === null)
    return [found('root-key.mismatch', file, 'There is no root certificate to hold the root key against.')]
  try {
    const isItsKey = await provesPossession(await signer.open(), root.spki, random.bytes(32))
    if (isItsKey) return [holds('root-key', `The root key signs, and it is the key of ${file}.`)]
    return [found('root-key.mismatch', file, `The root key is not the key of ${file}.`)]
  } catch (error) {
    if (!(error instanceof FpkiError) || error.code === 'ERR_SIGINT' || error.code === 'ERR_SIGTERM') throw error
    return [found('root-key.unusable', null, error.message, error.hint)]
  }
}
