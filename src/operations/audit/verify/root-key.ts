import { PKI_FILES } from '../../../directory/names.js'
import { FpkiError, isInterruption } from '../../../errors.js'
import type { RootSigner } from '../../../keystore/root-key.js'
import { provesPossession } from '../../../pki/possession.js'
import type { Random } from '../../../ports.js'
import { isPlainKey } from '../../../signer/key-pem.js'
import type { AuditContext } from './context.js'
import { type Finding, failed, passed } from './finding.js'

/** Advice about an unencrypted root key file. */
export function checkPlainRootKey({ files }: AuditContext): readonly Finding[] {
  const { rootKey } = PKI_FILES
  const text = files.find(({ name }) => name === rootKey)?.text ?? null
  if (text === null || !isPlainKey(text, rootKey)) return []
  return [failed('root-key.plain', rootKey, `${rootKey} is not encrypted.`)]
}

/** Signs a random nonce with the root key, and verifies the signature with factory_ca.pem. */
export async function checkRootKey(
  { root, directory }: AuditContext,
  signer: RootSigner | null,
  random: Random,
): Promise<readonly Finding[]> {
  const file = PKI_FILES.rootCertificate
  if (directory.kit !== null) return [passed('root-key', 'A kit has no root key.')]
  if (signer === null) return [failed('root-key.skipped', null, 'The root key was not checked.')]
  if (root === null)
    return [failed('root-key.mismatch', file, 'Cannot check the root key: there is no valid root certificate.')]
  try {
    const isItsKey = await provesPossession(await signer.open(), root.spki, random.bytes(32))
    if (isItsKey) return [passed('root-key', `The root key signs, and matches ${file}.`)]
    return [failed('root-key.mismatch', file, `The root key is not the key of ${file}.`)]
  } catch (error) {
    if (!(error instanceof FpkiError) || isInterruption(error)) throw error
    return [failed('root-key.unusable', null, error.message, error.hint)]
  }
}
