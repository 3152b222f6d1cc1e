import { join } from 'node:path'
import * as z from 'zod/mini'
import { checkNewPassphrase } from '../../containers/pkcs8.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { decryptKeyPem, newPassphrase } from '../../keystore/key-files.js'
import type { Clock, DurableFiles, EncryptionPorts, Passphrases, Progress } from '../../ports.js'
import { requireFree } from '../../storage/require-free.js'
import { type OpenPki, openPkiOfRoot, openRootKey } from '../open-pki.js'
import { requireOutsidePki } from '../outside-pki.js'
import { encryptedKey, plainKey, sheetsOf, verifySheets } from './key-to-print.js'
import type { Sharing } from './sharing.js'
import { type Sheet, sheetHtml } from './sheet.js'

/** What `fpki ca paper --json` prints. */
export const printPaperResult = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** SHA-256 of factory_ca.pem. */
  fingerprint: z.string(),
  /** SHA-256 of its public key. */
  publicKeyFingerprint: z.string(),
  protection: z.enum(['plain', 'passphrase', 'share']),
  /** How many sheets recover the key. */
  needed: z.int(),
  /** The sheets, absolute. */
  files: z.array(z.string()),
})

/** See {@link printPaperResult}. */
export type PrintPaperResult = z.infer<typeof printPaperResult>

/** Options of `ca paper`. */
export interface PrintPaperOptions {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** Absolute: a new file; with shares, the directory for the sheets. */
  readonly out: string
  readonly protection: PaperProtection
}

/** What protects the key on its sheets. */
export type PaperProtection =
  /** Nothing: one sheet, with the key in the clear. */
  | { readonly kind: 'plain' }
  /** One sheet, with the key under a passphrase of the caller's. */
  | { readonly kind: 'passphrase' }
  /** Several sheets, with the key under a passphrase that is shared among them. */
  | ({ readonly kind: 'shares' } & Sharing)

/** Ports of `ca paper`. */
export interface PrintPaperPorts extends EncryptionPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly progress: Progress
  readonly passphrases: Passphrases
}

/** The sheets contain the key. */
const SHEET_MODE = 0o600

/**
 * Writes the root key to sheets for printing. The key is recovered from their content before any sheet is written.
 *
 * @throws FpkiError ERR_USAGE; ERR_EXISTS when a sheet exists; ERR_KEY_IN_TOKEN when the key is in a token; ERR_BAD_KEY,
 *   ERR_PASSPHRASE; and as openPki does
 */
export async function printPaper(options: PrintPaperOptions, ports: PrintPaperPorts): Promise<PrintPaperResult> {
  const { protection } = options
  const { files, progress, passphrases } = ports
  const isPlain = protection.kind === 'plain'
  const sharing = protection.kind === 'shares' ? protection : null
  const pki = await openPkiOfRoot(files, options.directory, options.factory)
  const paths = outputPaths(options)
  for (const path of paths) {
    await requireFree(files, path, 'path of a sheet')
    await requireOutsidePki({ path, what: 'a sheet', option: 'out', directories: [options.directory] }, files)
  }
  if (isPlain)
    progress.warn(
      'The sheet contains the root key unencrypted: anyone who reads it, or the memory of the printer, has the key.',
    )
  const pem = await rootKeyPem(pki)
  const key = await decryptKeyPem(pem, rootKeyPath(pki), passphrases)
  await openRootKey({ open: async () => key.signer }, pki)
  const { passphrase } = key
  const clear = key.clearPem('pkcs8')
  const choose = async () => (passphrase === null ? newPassphrase(passphrases) : checkNewPassphrase(passphrase))
  const toPrint = isPlain ? plainKey(clear, pki) : await encryptedKey({ clear, pki, sharing, ports }, choose)
  const sheets = sheetsOf(toPrint, pki, ports.clock())
  await verifySheets(toPrint, sheets, pki)
  await writeAll(files, sharing === null ? null : options.out, paths, sheets.map(sheetHtml))
  const [first] = sheets as readonly [Sheet]
  return {
    factory: pki.factory,
    directory: pki.directory.path,
    fingerprint: first.certificateFingerprint,
    publicKeyFingerprint: first.publicKeyFingerprint,
    protection: first.protection.kind,
    needed: sharing?.threshold ?? 1,
    files: [...paths],
  }
}

function rootKeyPath({ directory }: OpenPki): string {
  return join(directory.path, PKI_FILES.rootKey)
}

async function rootKeyPem({ directory }: OpenPki): Promise<string> {
  const pem = await directory.read(PKI_FILES.rootKey)
  if (pem !== null) return pem
  throw await missingRootKey(directory)
}

async function missingRootKey(directory: PkiDirectory): Promise<FpkiError> {
  const rootKey = (await directory.readState())?.rootKey
  if (rootKey?.kind !== 'pkcs11') {
    const hint = 'Restore it from a backup. A key in a token cannot be printed: it never leaves the token.'
    return new FpkiError('ERR_BAD_KEY', `${directory.path}/${PKI_FILES.rootKey} is missing.`, hint)
  }
  return new FpkiError(
    'ERR_KEY_IN_TOKEN',
    `Cannot print the root key of ${directory.path}: it is in the token "${rootKey.tokenLabel}" and never leaves it.`,
    'Back up the token as its vendor describes, for instance to a second token.',
  )
}

function outputPaths({ out, protection }: PrintPaperOptions): readonly string[] {
  if (protection.kind !== 'shares') return [out]
  return Array.from({ length: protection.count }, (_, at) => join(out, `sheet-${at + 1}.html`))
}

/** Writes all sheets or none: an incomplete set is useless and would block the next run. */
async function writeAll(
  files: DurableFiles,
  folder: string | null,
  paths: readonly string[],
  contents: readonly string[],
): Promise<void> {
  if (folder !== null) await files.makeDirectory(folder)
  const written: string[] = []
  try {
    for (const [at, path] of paths.entries()) {
      await files.create(path, contents[at] ?? '', SHEET_MODE)
      written.push(path)
    }
  } catch (error) {
    for (const path of written) await files.remove(path).catch(() => undefined)
    throw error
  }
}
