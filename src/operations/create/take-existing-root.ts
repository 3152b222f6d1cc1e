import type { AuditLog } from '../../audit-log/audit-log.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { openKeyPem } from '../../keystore/key-files.js'
import { keyRefName } from '../../keystore/labels.js'
import { badSignatures } from '../../keystore/prove.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { encodePem, samePem } from '../../pki/pem.js'
import { provesPossession } from '../../pki/possession.js'
import { sameSpki } from '../../pki/public-key.js'
import type { Passphrases, Signer } from '../../ports.js'
import type { ExistingRoot } from './existing-root.js'
import type { CreateKeys } from './keys.js'

/**
 * Checks, before anything is written, that the key matches the certificate and signs, and that the directory has no other
 * certificate. Throws ERR_BAD_KEY, ERR_PASSPHRASE, ERR_SIGNATURE or ERR_EXISTS.
 */
export async function checkExistingRoot(
  directory: PkiDirectory,
  root: ExistingRoot,
  keys: CreateKeys,
  passphrases: Passphrases | undefined,
): Promise<void> {
  const { certificate, path } = root
  const inDirectory = await directory.read(PKI_FILES.rootCertificate)
  if (inDirectory !== null && !samePem(inDirectory, encodePem('CERTIFICATE', certificate.der))) {
    throw anotherCertificate(directory, path)
  }
  const { name, signer } = await openExistingKey(root, keys, passphrases)
  if (await provesPossession(signer, certificate.spki)) return
  if (sameSpki(signer.spki, certificate.spki)) throw badSignatures(name)
  throw new FpkiError(
    'ERR_BAD_KEY',
    `${name} is not the key of ${path}.`,
    'Nothing was changed. Pass a certificate and its own key.',
  )
}

/** The key that is already in place, else the one to copy. */
async function openExistingKey(
  { key, path }: ExistingRoot,
  { store, root, openRoot }: CreateKeys,
  passphrases: Passphrases | undefined,
): Promise<{ readonly name: string; readonly signer: Signer }> {
  const isInPlace = root.kind === 'pkcs11' || (await store.exists(root))
  if (isInPlace) return { name: keyRefName(root), signer: await openRoot() }
  if (key === null) throw noKey(path)
  return { name: key.path, signer: await openKeyPem(key.pem, key.path, passphrases) }
}

/** The step that copies the key. Resolves to the fingerprint of its public key. */
export async function takeRootKey({ keys }: { readonly keys: CreateKeys }): Promise<string> {
  const { store, root, newRoot, openRoot } = keys
  // A key in a token is never generated here: if it is missing, opening it fails with the reason.
  if (root.kind === 'file' && !(await store.exists(root))) await store.make(root, newRoot)
  return fingerprintOf((await openRoot()).spki)
}

/** The step that writes the certificate, alone and as canonical PEM. An identical existing file is kept. */
export async function takeRootCertificate({
  directory,
  existingRoot,
  auditLog,
}: {
  readonly directory: PkiDirectory
  readonly existingRoot: ExistingRoot
  readonly auditLog: AuditLog
}): Promise<void> {
  const { certificate } = existingRoot
  const file = PKI_FILES.rootCertificate
  const pem = encodePem('CERTIFICATE', certificate.der)
  await auditLog.logExisting([{ certificate, file }], 'Adopted an existing root.')
  const inDirectory = await directory.read(file)
  if (inDirectory === null || !samePem(inDirectory, pem)) await directory.create(file, pem)
}

function anotherCertificate(directory: PkiDirectory, path: string): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `${directory.path}/${PKI_FILES.rootCertificate} already exists, and is not the certificate in ${path}.`,
    'Nothing was changed. Use the certificate that this PKI was started with.',
  )
}

function noKey(path: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_KEY',
    `No key given for ${path}, and there is none in the PKI directory.`,
    'Pass its key file, the HSM that contains it, or the directory in which `ca root-csr` created it.',
    { option: 'root.key' },
  )
}
