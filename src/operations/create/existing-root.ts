import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError, type FpkiOption } from '../../errors.js'
import { rememberedChoice } from '../../keystore/remembered-token.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles } from '../../ports.js'
import { privateKeyBlock } from '../../signer/key-pem.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import type { CreatePkiOptions, KeyPlaces } from './options.js'
import type { CreatePkiPorts } from './preconditions.js'
import { acceptRoot } from './root-policy.js'

/** A root that was created elsewhere. */
export interface ExistingRoot {
  readonly certificate: Certificate
  /** Where the certificate was read; for messages. */
  readonly path: string
  /** The key to copy: its path, and the PEM block. Secret. null: it is in the PKI directory or in a token already. */
  readonly key: { readonly path: string; readonly pem: string } | null
  /** Unusual properties of the certificate. */
  readonly warnings: readonly string[]
}

/** Far more than a PEM file needs. */
const MAX_BYTES = 64 * 1024

/**
 * Reads the existing root that the options name, and checks its certificate; null: a new root is created.
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

async function textOf(files: DurableFiles, path: string, what: string, option: FpkiOption): Promise<string> {
  checkAbsolute(path, what, option)
  const text = await files.read(path, MAX_BYTES)
  if (text !== null) return text
  const hint = 'Nothing was changed. Pass the right file.'
  throw new FpkiError('ERR_BAD_FILE', `The ${what} ${path} does not exist.`, hint, { option })
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
  return new FpkiError('ERR_USAGE', text, 'Omit the encryption.', { option: 'root.key.encrypted' })
}
