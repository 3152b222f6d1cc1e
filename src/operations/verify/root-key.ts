import { verify } from 'node:crypto'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { statement } from '../../pki/statement.js'
import type { Random, Signer } from '../../ports.js'
import { isPlainKey } from '../../signer/key-pem.js'
import type { RootSigner } from '../root-signer.js'
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
    const key = await signer.open()
    const isItsKey = await signsFor(key, root.publicKey.key, random)
    if (isItsKey) return [holds('root-key', `The root key signs, and it is the key of ${file}.`)]
    return [found('root-key.mismatch', file, `The root key is not the key of ${file}.`)]
  } catch (error) {
    if (!(error instanceof FpkiError) || error.code === 'ERR_SIGINT' || error.code === 'ERR_SIGTERM') throw error
    return [found('root-key.unusable', null, error.message, error.hint)]
  }
}

/** The words before the nonce keep it from being anything that somebody could use as signed. */
async function signsFor(
  { algorithm, sign }: Signer,
  publicKey: Parameters<typeof verify>[2],
  random: Random,
): Promise<boolean> {
  const message = statement(
    Buffer.concat([Buffer.from('fpki ca verify: a nonce, and nothing else. '), random.bytes(32)]),
  )
  return verify(algorithm.hash, message, publicKey, await sign(message))
}
