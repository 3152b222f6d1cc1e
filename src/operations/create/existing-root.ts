import type { AuditLog } from '../../audit-log/audit-log.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { rememberedKeyName } from '../../keystore/labels.js'
import { openKey, type PrivateKey } from '../../keystore/private-key.js'
import { badSignatures } from '../../keystore/prove.js'
import { rememberedChoice } from '../../keystore/remembered-token.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { encodePem, samePem } from '../../pki/pem.js'
import { provesPossession } from '../../pki/possession.js'
import { sameSpki } from '../../pki/public-key.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles, Passphrases, Signer } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { privateKeyBlock } from '../../signer/key-pem.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import type { CreatePkiOptions, CreatePkiPorts } from './preconditions.js'
import { acceptRoot } from './root-policy.js'

/** A root that comes from elsewhere: `ca create --root-cert`, with the key in a file, in the directory or in a token. */
export interface GivenRoot {
  readonly certificate: Certificate
  /** Where the certificate was read; for messages. */
  readonly path: string
  /** The file of `--root-key`: its path, and the block with the key. Secret. null: the key is where it is to stay. */
  readonly key: { readonly path: string; readonly pem: string } | null
  /** What is odd about the certificate. */
  readonly warnings: readonly string[]
}

/** Far more than a PEM file needs. */
const MAX_BYTES = 64 * 1024

/**
 * Reads the root that the options name, and checks its certificate; null: they name none. Nothing is changed.
 *
 * @throws FpkiError ERR_USAGE when only the key is named, or the key is to be in a file and in a token; ERR_BAD_FILE,
 *   ERR_BAD_CERTIFICATE or ERR_BAD_KEY
 */
export async function readGivenRoot(
  { directory, rootCertificateFile, rootKeyFile, hsm, factory }: CreatePkiOptions,
  { files, clock }: Pick<CreatePkiPorts, 'files' | 'clock'>,
): Promise<GivenRoot | null> {
  if (rootKeyFile !== undefined && rootCertificateFile === undefined) throw keyAlone()
  if (rootCertificateFile === undefined) return null
  if (rootKeyFile !== undefined && hsm !== undefined) throw keyTwice(directory)
  const what = rootCertificateFile
  const certificate = readPemCertificate(await textOf(files, what, '--root-cert'), what)
  const warnings = acceptRoot(certificate, { what, factory, now: clock() })
  const key = rootKeyFile === undefined ? null : await keyIn(files, rootKeyFile)
  return { certificate, path: what, key, warnings }
}

async function keyIn(files: DurableFiles, path: string): Promise<GivenRoot['key']> {
  return { path, pem: privateKeyBlock(await textOf(files, path, '--root-key'), path).text }
}

/** The options with the token that the directory remembers, for the certificate of a key that `ca root-csr` made there. */
export async function withRememberedToken(
  options: CreatePkiOptions,
  directory: PkiDirectory,
): Promise<CreatePkiOptions> {
  const { completeHsm, hsmModule, rootCertificateFile, rootKeyFile } = options
  const isSaid = options.hsm !== undefined || rootCertificateFile === undefined || rootKeyFile !== undefined
  if (isSaid || completeHsm === undefined || (await directory.check()) === 'missing') return options
  const hsm = await rememberedChoice(directory, { complete: completeHsm, module: hsmModule ?? null })
  return hsm === null ? options : { ...options, hsm }
}

/**
 * Before anything is written: the key, wherever it is, is the certificate's and signs, and the directory has no other
 * certificate. Throws ERR_BAD_KEY, ERR_PASSPHRASE, ERR_SIGNATURE or ERR_EXISTS.
 */
export async function checkGivenRoot(
  directory: PkiDirectory,
  { certificate, path, key }: GivenRoot,
  root: PrivateKey,
  passphrases: Passphrases | undefined,
): Promise<void> {
  const existing = await directory.read(PKI_FILES.rootCertificate)
  if (existing !== null && !samePem(existing, encodePem('CERTIFICATE', certificate.der))) throw other(directory, path)
  const { name, open } = await keyOfRoot(root, key, path, passphrases)
  const signer = await open()
  if (await provesPossession(signer, certificate.spki)) return
  if (sameSpki(signer.publicKey, certificate.spki)) throw badSignatures(name)
  throw new FpkiError(
    'ERR_BAD_KEY',
    `${name} is not the key of ${path}.`,
    'Nothing was changed. Give the certificate and the key that belong together.',
  )
}

/** The key that is in its place already, else the one that is to come there. */
async function keyOfRoot(
  root: PrivateKey,
  key: GivenRoot['key'],
  path: string,
  passphrases: Passphrases | undefined,
): Promise<{ name: string; open(): Promise<Signer> }> {
  const { reference } = root
  const name = reference.kind === 'file' ? reference.name : `The key ${rememberedKeyName(reference)} in the token`
  if (reference.kind === 'pkcs11' || (await root.exists())) return { name, open: root.open }
  if (key === null) throw noKey(path)
  return { name: key.path, open: () => openKey(key.pem, key.path, passphrases) }
}

/** Puts the key in its place, as a step. Resolves to the fingerprint of its public key. */
export async function takeRootKey({
  keys: { root },
}: {
  readonly keys: { readonly root: PrivateKey }
}): Promise<string> {
  // One in a token is never made here: without it, opening says what is missing.
  if (root.reference.kind === 'file' && !(await root.exists())) await root.make()
  return fingerprintOf((await root.open()).publicKey)
}

/**
 * Puts the certificate in its place, as a step: alone and in the usual form. The same one that is there already is kept.
 */
export async function takeRootCertificate({
  directory,
  given,
  auditLog,
}: {
  readonly directory: PkiDirectory
  readonly given: GivenRoot | null
  readonly auditLog: AuditLog
}): Promise<undefined> {
  if (given === null) return
  const file = PKI_FILES.rootCertificate
  const pem = encodePem('CERTIFICATE', given.certificate.der)
  await auditLog.logExisting([{ certificate: given.certificate, file }], 'The root was made elsewhere, and taken over.')
  const existing = await directory.read(file)
  if (existing === null || !samePem(existing, pem)) await directory.create(file, pem)
}

async function textOf(files: DurableFiles, path: string, flag: string): Promise<string> {
  checkAbsolute(path, `file of ${flag}`)
  const text = await files.read(path, MAX_BYTES)
  if (text !== null) return text
  throw new FpkiError('ERR_BAD_FILE', `${path}, from ${flag}, is missing.`, 'Nothing was changed. Name the right file.')
}

function other(directory: PkiDirectory, path: string): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `${directory.path}/${PKI_FILES.rootCertificate} is there already, and not the certificate in ${path}.`,
    'Nothing was changed. Go on with the one that this was begun with.',
  )
}

function keyAlone(): FpkiError {
  const text = '--root-key names a root key, and nothing its certificate.'
  return new FpkiError('ERR_USAGE', text, 'Give --root-cert too, or leave --root-key out to have a new root made.')
}

function keyTwice(directory: string): FpkiError {
  const text = '--root-key names a root key in a file, and the HSM flags one in a token.'
  return new FpkiError(
    'ERR_USAGE',
    text,
    `Give one of them. \`fpki ca import-root ${shellWord(directory)} --hsm-module MODULE --hsm-token-label LABEL\` moves a key into a token afterwards.`,
  )
}

function noKey(path: string): FpkiError {
  const text = `The key of ${path} is not said, and not in the PKI directory.`
  const hint = 'Give --root-key FILE, the HSM that has it, or the directory in which `ca root-csr` made it.'
  return new FpkiError('ERR_BAD_KEY', text, hint)
}
