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
import { requireFree } from '../../storage/free-place.js'
import { type OpenedPaper, openPaper } from './open.js'
import { readPaper, type TypedPaper } from './parts.js'

export { paperProblem } from './open.js'
export { lineProblem } from './parts.js'

/** What `fpki ca paper --restore --json` prints. */
export const restorePaperResult = jsonDocument({
  /** Where the key is, absolute. */
  file: z.string(),
  encrypted: z.boolean(),
  /** SHA-256 of its public key, as it is on the sheet. */
  publicKeyFingerprint: z.string(),
  heldAgainst: z.enum(['certificate', 'sheet', 'nothing']),
})

/** See {@link restorePaperResult}. */
export type RestorePaperResult = z.infer<typeof restorePaperResult>

/** What `ca paper --restore` is asked for. */
export interface RestorePaperOptions {
  /** What was typed or scanned. Secret. */
  readonly text: string
  /** Absolute path of a new file for the key. */
  readonly out: string
  /** Absolute path of the root certificate; null: there is none at hand. */
  readonly certificate: string | null
  /** A key that would be written in the clear is encrypted. */
  readonly encrypt: boolean
}

/** What `ca paper --restore` works with. */
export interface RestorePaperPorts extends EncryptionPorts {
  readonly files: DurableFiles
  readonly progress: Progress
  readonly passphrases: Passphrases
}

/**
 * Brings the root key back from what somebody typed or scanned of its sheets. It is written when it has signed, and fits
 * the certificate.
 *
 * @throws FpkiError ERR_BAD_FILE, which names each line with a mistake; ERR_BAD_KEY when it is not the certificate's key;
 *   ERR_PASSPHRASE, ERR_EXISTS, ERR_BAD_CERTIFICATE
 */
export async function restorePaper(
  options: RestorePaperOptions,
  ports: RestorePaperPorts,
): Promise<RestorePaperResult> {
  const { files, progress } = ports
  await requireFree(files, options.out, 'output file', 'out')
  const spki = options.certificate === null ? null : await publicKeyIn(files, options.certificate)
  const paper = readPaper(options.text)
  if (paper.key.isEncrypted && paper.shares.length === 0) {
    progress.note('There are no lines of shares (S…), so that a passphrase is needed.')
  }
  const opened = await openPaper(paper, ports.passphrases)
  if (spki !== null && !(await provesPossession(opened.signer, spki))) throw otherKey(options.certificate ?? '')
  const content = await contentOf(paper, opened, options, ports)
  await files.create(options.out, content.pem, PKI_FILE_MODE)
  const publicKeyFingerprint = fingerprintOf(opened.signer.spki)
  const onSheet = paper.key.publicKeyDigest === null ? 'nothing' : 'sheet'
  const heldAgainst = spki === null ? onSheet : 'certificate'
  if (heldAgainst !== 'certificate') {
    progress.warn(`Compare the public key with the one on the sheet: SHA-256 ${publicKeyFingerprint}.`)
  }
  if (!content.encrypted) tellClear(paper, options.out, progress)
  return { file: options.out, encrypted: content.encrypted, publicKeyFingerprint, heldAgainst }
}

/** Nobody knows the passphrase that shares make, so a key that is opened with it is not kept under it. */
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

/** Whoever reads the file has the key; on paper, it may have been better kept. */
function tellClear({ key }: TypedPaper, out: string, { note, warn }: Progress): void {
  if (key.isEncrypted) {
    warn(
      `${out} is the root key in the clear: nobody knows the passphrase that shares make. --encrypt-keys takes one of yours.`,
    )
  } else note('The key file is in the clear, not encrypted.')
}

async function publicKeyIn(files: DurableFiles, path: string): Promise<Uint8Array> {
  checkAbsolute(path, 'certificate file', 'certificate')
  const pem = await files.read(path, MAX_PEM_BYTES)
  if (pem === null) throw new FpkiError('ERR_BAD_FILE', `${path} does not exist.`, 'Name the root certificate.')
  return readPemCertificate(pem, path).spki
}

function otherKey(certificate: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_KEY',
    `The key on the sheet is not the key of ${certificate}.`,
    'Nothing was written. Take the sheet, or the certificate, that belongs to it.',
  )
}
