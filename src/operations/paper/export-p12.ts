import * as z from 'zod/mini'
import { checkNewPassphrase } from '../../containers/pkcs8.js'
import { localCaFiles } from '../../directory/local-ca-files.js'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { decryptKeyPem, newPassphrase } from '../../keystore/key-files.js'
import { certificateFacts, describeCertificate } from '../../pki/describe.js'
import { provesPossession } from '../../pki/possession.js'
import { type Certificate, isIssuedBy, readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, EncryptionPorts, Passphrases, Progress } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { requireFreeInFolder } from '../../storage/require-free.js'
import { type OpenPki, openPki } from '../open-pki.js'
import { requireOutsidePki } from '../outside-pki.js'

/** What `fpki ca export --json` prints. */
export const exportP12Result = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** Absolute. */
  file: z.string(),
  certificate: certificateFacts,
})

/** See {@link exportP12Result}. */
export type ExportP12Result = z.infer<typeof exportP12Result>

/** Options of `ca export --p12`. */
export interface ExportP12Options {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** The name of a local CA, such as `local-ca`. */
  readonly name: string
  /** Absolute path of a new file. */
  readonly out: string
}

/** Ports of `ca export`. */
export interface ExportP12Ports extends EncryptionPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly progress: Progress
  /** Of the key, when that is encrypted; the new file gets the same one. */
  readonly passphrases: Passphrases
}

/**
 * Writes the key and certificate of a local CA, and the root certificate, to a PKCS#12 file. The root key is refused.
 *
 * @throws FpkiError ERR_USAGE when `name` is not the name of a local CA, or `out` is in a PKI directory; ERR_EXISTS; ERR_KEY_IN_TOKEN; ERR_BAD_FILE,
 *   ERR_BAD_KEY, ERR_BAD_CERTIFICATE when a file is missing or they do not match; ERR_PASSPHRASE
 */
export async function exportP12(options: ExportP12Options, ports: ExportP12Ports): Promise<ExportP12Result> {
  const { name, out } = options
  const { files, clock, progress, passphrases } = ports
  if (/^factory_ca(\.pem|\.key)?$/.test(name)) throw rootKeyRefused(options.directory)
  const names = localCaFiles(name)
  await requireFreeInFolder(files, out, 'output file', 'out')
  const { directory } = options
  await requireOutsidePki({ path: out, what: 'a PKCS#12 file', option: 'out', directories: [directory] }, files)
  const pki = await openPki(files, directory, options.factory)
  const certificate = await readCertificateOf(pki, names.certificate)
  const { pem, path } = await readKeyOf(pki, names.key)
  const opened = await decryptKeyPem(pem, path, passphrases)
  if (!(await provesPossession(opened.signer, certificate.spki))) throw keyMismatch(path, names.certificate)
  const current = opened.passphrase
  const passphrase = current === null ? await newPassphrase(passphrases) : checkNewPassphrase(current)
  // Java 17 fails with "Password is not ASCII".
  if (/[^ -~]/.test(passphrase)) progress.warn('The passphrase has non-ASCII characters: Java cannot open the file.')
  const key = opened.clearPem('pkcs8')
  const chain = [certificate.der, pki.root.der]
  // Loaded here, because no other command needs it.
  const { pkcs12 } = await import('../../containers/pkcs12.js')
  const title = names.certificate.replace(/\.pem$/, '')
  await files.create(out, pkcs12({ name: title, key, certificates: chain }, passphrase, ports), 0o600)
  const facts = describeCertificate(certificate, pki.root, clock())
  return { factory: pki.factory, directory: pki.directory.path, file: out, certificate: facts }
}

async function readCertificateOf({ directory, root }: OpenPki, file: string): Promise<Certificate> {
  const path = `${directory.path}/${file}`
  const pem = await directory.read(file)
  if (pem === null)
    throw new FpkiError('ERR_BAD_FILE', `${path} does not exist.`, 'Pass the name of a local CA in this directory.')
  const certificate = readPemCertificate(pem, path)
  if (isIssuedBy(certificate, root)) return certificate
  const hint = 'Nothing was written. Restore the certificate from a backup.'
  throw new FpkiError('ERR_BAD_CERTIFICATE', `${path} is not signed by ${PKI_FILES.rootCertificate}.`, hint)
}

async function readKeyOf(
  { directory }: OpenPki,
  file: string,
): Promise<{ readonly pem: string; readonly path: string }> {
  const path = `${directory.path}/${file}`
  const pem = await directory.read(file)
  if (pem !== null) return { pem, path }
  const key = (await directory.readState())?.localCaKey
  if (key?.kind !== 'pkcs11' || file !== PKI_FILES.localCaKey) {
    throw new FpkiError('ERR_BAD_KEY', `${path} is missing.`, 'Restore it from a backup.')
  }
  const text = `Cannot export the key of local-ca: it is in the token "${key.tokenLabel}" and never leaves it.`
  throw new FpkiError('ERR_KEY_IN_TOKEN', text, 'Use it in the token, through its PKCS#11 module.')
}

function keyMismatch(path: string, certificate: string): FpkiError {
  const hint = 'Nothing was written. Restore both from a backup.'
  return new FpkiError('ERR_BAD_KEY', `${path} is not the key of ${certificate}.`, hint)
}

function rootKeyRefused(directory: string): FpkiError {
  const at = shellWord(directory)
  return new FpkiError(
    'ERR_USAGE',
    'Refusing to export the root key: only fpki uses it.',
    `To keep a copy, print it with \`fpki ca paper ${at} --out FILE\`, or back up the PKI with \`fpki ca backup ${at} --out FILE\`.`,
  )
}
