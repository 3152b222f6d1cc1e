import * as z from 'zod/mini'
import { encryptKey } from '../../containers/pkcs8.js'
import { PKI_FILE_MODE } from '../../directory/names.js'
import { MAX_PEM_BYTES } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { newPassphrase } from '../../keystore/key-files.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { provesPossession } from '../../pki/possession.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles, EncryptionPorts, Passphrases, Progress } from '../../ports.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { requireFree } from '../../storage/require-free.js'
import { type OpenedPaper, openPaper } from './open-paper.js'
import { readPaper, type TypedPaper } from './parts.js'

export { paperProblem } from './open-paper.js'
export { lineProblem } from './parts.js'

/** What `fpki ca paper --restore --json` prints. */
export const restorePaperResult = jsonDocument({
  /** The key file, absolute. */
  file: z.string(),
  encrypted: z.boolean(),
  /** SHA-256 of its public key, for comparison with the sheet. */
  publicKeyFingerprint: z.string(),
  /** What the key was checked against: the certificate, the digest on the sheet, or nothing. */
  checkedAgainst: z.enum(['certificate', 'sheet', 'nothing']),
})

/** See {@link restorePaperResult}. */
export type RestorePaperResult = z.infer<typeof restorePaperResult>

/** Options of `ca paper --restore`. */
export interface RestorePaperOptions {
  /** The lines typed or scanned. Secret. */
  readonly text: string
  /** Absolute path of a new file for the key. */
  readonly out: string
  /** Absolute path of the root certificate; null: not available. */
  readonly certificate: string | null
  /** Encrypt a key that would otherwise be written unencrypted. */
  readonly encrypt: boolean
}

/** Ports of `ca paper --restore`. */
export interface RestorePaperPorts extends EncryptionPorts {
  readonly files: DurableFiles
  readonly progress: Progress
  readonly passphrases: Passphrases
}

/**
 * Recovers the root key from typed or scanned sheets, and writes it once a test signature verifies with the certificate.
 *
 * @throws FpkiError ERR_BAD_FILE, naming each line with a typing error; ERR_BAD_KEY when it is not the key of the
 *   certificate; ERR_PASSPHRASE, ERR_EXISTS, ERR_BAD_CERTIFICATE
 */
export async function restorePaper(
  options: RestorePaperOptions,
  ports: RestorePaperPorts,
): Promise<RestorePaperResult> {
  const { files, progress } = ports
  await requireFree(files, options.out, 'output file', 'out')
  const spki = options.certificate === null ? null : await readSpki(files, options.certificate)
  const paper = readPaper(options.text)
  if (paper.key.isEncrypted && paper.shares.length === 0) {
    progress.note('The input has no share lines (S…), so a passphrase is needed.')
  }
  const opened = await openPaper(paper, ports.passphrases)
  if (spki !== null && !(await provesPossession(opened.signer, spki))) throw keyMismatch(options.certificate ?? '')
  const content = await contentOf(paper, opened, options, ports)
  await files.create(options.out, content.pem, PKI_FILE_MODE)
  const publicKeyFingerprint = fingerprintOf(opened.signer.spki)
  const onSheet = paper.key.publicKeyDigest === null ? 'nothing' : 'sheet'
  const checkedAgainst = spki === null ? onSheet : 'certificate'
  if (checkedAgainst !== 'certificate') {
    progress.warn(`Compare the SHA-256 of the public key with the sheet: ${publicKeyFingerprint}`)
  }
  if (!content.encrypted) warnUnencrypted(paper, options.out, progress)
  return { file: options.out, encrypted: content.encrypted, publicKeyFingerprint, checkedAgainst }
}

/** Nobody knows the passphrase recovered from shares, so the key is not left encrypted with it. */
async function contentOf(
  { key, shares }: TypedPaper,
  { pem, clear }: OpenedPaper,
  { encrypt }: RestorePaperOptions,
  ports: RestorePaperPorts,
): Promise<{ readonly pem: string; readonly encrypted: boolean }> {
  if (key.isEncrypted && shares.length === 0) return { pem, encrypted: true }
  if (!encrypt) return { pem: clear, encrypted: false }
  return { pem: encryptKey(clear, await newPassphrase(ports.passphrases), ports), encrypted: true }
}

/** The file may protect the key less than the sheets did. */
function warnUnencrypted({ key }: TypedPaper, out: string, { note, warn }: Progress): void {
  if (key.isEncrypted) {
    warn(
      `${out} is not encrypted, because the passphrase recovered from the shares is random. To set a new one, pass --encrypt-keys.`,
    )
  } else note('The key file is not encrypted.')
}

async function readSpki(files: DurableFiles, path: string): Promise<Uint8Array> {
  checkAbsolute(path, 'certificate file', 'certificate')
  const pem = await files.read(path, MAX_PEM_BYTES)
  if (pem === null)
    throw new FpkiError('ERR_BAD_FILE', `${path} does not exist.`, 'Pass the path of the root certificate.')
  return readPemCertificate(pem, path).spki
}

function keyMismatch(certificate: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_KEY',
    `The key on the sheet is not the key of ${certificate}.`,
    'Nothing was written. Use the sheet and the certificate of the same root.',
  )
}
