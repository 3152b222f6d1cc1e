import type { AuditLog } from '../../audit-log/audit-log.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError, type FpkiOption } from '../../errors.js'
import type { Facts } from '../../journal/run-steps.js'
import { openKeyPem } from '../../keystore/key-files.js'
import { keyRefName } from '../../keystore/labels.js'
import { badSignatures } from '../../keystore/prove.js'
import { rememberedChoice } from '../../keystore/remembered-token.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { encodePem, samePem } from '../../pki/pem.js'
import { provesPossession } from '../../pki/possession.js'
import { sameSpki } from '../../pki/public-key.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles, Passphrases, Signer } from '../../ports.js'
import { privateKeyBlock } from '../../signer/key-pem.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import type { CreateKeys } from './keys.js'
import type { CreatePkiOptions, KeyPlaces } from './options.js'
import type { CreatePkiPorts } from './preconditions.js'
import { acceptRoot } from './root-policy.js'

/** A root that was made elsewhere. */
export interface ExistingRoot {
  readonly certificate: Certificate
  /** Where the certificate was read; for messages. */
  readonly path: string
  /** The key to copy: its path, and the PEM block. Secret. null: it is in the PKI directory or in a token already. */
  readonly key: { readonly path: string; readonly pem: string } | null
  /** What is odd about the certificate. */
  readonly warnings: readonly string[]
}

/** Far more than a PEM file needs. */
const MAX_BYTES = 64 * 1024

/**
 * Reads the existing root that the options name, and checks its certificate; null: a new one is to be made.
 *
 * @throws FpkiError ERR_USAGE, ERR_BAD_FILE, ERR_BAD_CERTIFICATE or ERR_BAD_KEY
 */
export async function readExistingRoot(
  { root, factory }: CreatePkiOptions,
  { files, clock }: Pick<CreatePkiPorts, 'files' | 'clock'>,
): Promise<ExistingRoot | null> {
  if (root.kind !== 'existing') return null
  const { certificateFile: path, key } = root
  const text = await textOf(files, path, 'root certificate file', 'root.certificateFile')
  const certificate = readPemCertificate(text, path)
  const warnings = acceptRoot(certificate, { what: path, factory, now: clock() })
  return { certificate, path, key: key.kind === 'file' ? await keyIn(files, key.path) : null, warnings }
}

async function keyIn(files: DurableFiles, path: string): Promise<ExistingRoot['key']> {
  return { path, pem: privateKeyBlock(await textOf(files, path, 'root key file', 'root.key.path'), path).text }
}

/**
 * Options that say `in-directory` become options that say where in fact: in the token that `ca root-csr` has recorded, or
 * still in the directory, which means factory_ca.key.
 *
 * @throws FpkiError ERR_HSM_MODULE as {@link rememberedChoice}; ERR_USAGE when the options contradict the record
 */
export async function resolveKeyInDirectory(
  options: CreatePkiOptions,
  directory: PkiDirectory,
): Promise<CreatePkiOptions> {
  const { root, localCa } = options
  if (root.kind !== 'existing' || root.key.kind !== 'in-directory') return options
  const isThere = (await directory.check()) !== 'missing'
  const hsm = isThere ? await rememberedChoice(directory, root.key.module ?? null) : null
  if (hsm === null && localCa.kind === 'token') throw noTokenForLocalCa(directory)
  if (hsm === null) return options
  if (root.key.encrypted && localCa.kind !== 'file') throw nothingToEncrypt()
  const places: KeyPlaces = { root: { ...root, key: { kind: 'token', hsm } }, localCa }
  return { ...options, ...places }
}

/**
 * Before anything is written: the key, wherever it is, is the certificate's and signs, and the directory has no other
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
    'Nothing was changed. Give the certificate and the key that belong together.',
  )
}

/** The key that is in its place already, else the one that is going to be copied there. */
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

/** Puts the key in its place, as a step. */
export async function takeRootKey({ keys }: { readonly keys: CreateKeys }): Promise<Facts> {
  const { store, root, newRoot, openRoot } = keys
  // One in a token is never made here: without it, opening says what is missing.
  if (root.kind === 'file' && !(await store.exists(root))) await store.make(root, newRoot)
  return { rootKey: fingerprintOf((await openRoot()).spki) }
}

/** Puts the certificate in its place, as a step: alone and in the usual form. The same one that is there already is kept. */
export async function takeRootCertificate({
  directory,
  existingRoot,
  auditLog,
}: {
  readonly directory: PkiDirectory
  readonly existingRoot: ExistingRoot | null
  readonly auditLog: AuditLog
}): Promise<undefined> {
  if (existingRoot === null) return
  const { certificate } = existingRoot
  const file = PKI_FILES.rootCertificate
  const pem = encodePem('CERTIFICATE', certificate.der)
  await auditLog.found([{ certificate, file }], 'The root was made elsewhere, and taken over.')
  const inDirectory = await directory.read(file)
  if (inDirectory === null || !samePem(inDirectory, pem)) await directory.create(file, pem)
}

async function textOf(files: DurableFiles, path: string, what: string, option: FpkiOption): Promise<string> {
  checkAbsolute(path, what, option)
  const text = await files.read(path, MAX_BYTES)
  if (text !== null) return text
  const hint = 'Nothing was changed. Name the right file.'
  throw new FpkiError('ERR_BAD_FILE', `The ${what} ${path} is missing.`, hint, { option })
}

function anotherCertificate(directory: PkiDirectory, path: string): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `${directory.path}/${PKI_FILES.rootCertificate} exists already, and is not the certificate in ${path}.`,
    'Nothing was changed. Continue with the certificate that this was begun with.',
  )
}

function noKey(path: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_KEY',
    `No key given for ${path}, and there is none in the PKI directory.`,
    'Name its key file, the HSM that has it, or the directory in which `ca root-csr` made it.',
    { option: 'root.key' },
  )
}

function noTokenForLocalCa({ path }: PkiDirectory): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `The key of local-ca cannot go into a token: ${path} records no token for the root key.`,
    'Keep that key in a file, or select the token of the root key.',
    { option: 'localCa.kind' },
  )
}

function nothingToEncrypt(): FpkiError {
  const text = 'There is no key file to encrypt: every key is in the token.'
  return new FpkiError('ERR_USAGE', text, 'Leave the encryption out.', { option: 'root.key.encrypted' })
}
