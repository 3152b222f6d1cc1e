import { join } from 'node:path'
import * as z from 'zod/mini'
import { checkNewPassphrase } from '../../containers/pkcs8.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { type OpenPki, openPki, openRootKey } from '../../issuance/open-pki.js'
import { jsonDocument } from '../../json-document.js'
import { decryptKeyPem, newPassphrase } from '../../keystore/key-files.js'
import type { Clock, DurableFiles, EncryptionPorts, Passphrases, Progress } from '../../ports.js'
import { requireFree } from '../../storage/free-place.js'
import { encrypted, inTheClear, prove, sheetsOf } from './ready.js'
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
  /** So many sheets give the key back. */
  needed: z.int(),
  /** The sheets, absolute. */
  files: z.array(z.string()),
})

/** See {@link printPaperResult}. */
export type PrintPaperResult = z.infer<typeof printPaperResult>

/** What `ca paper` is asked for. */
export interface PrintPaperOptions {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  /** null: the directory's own. */
  readonly factory: string | null
  /** Absolute: a new file; with shares, the directory of the sheets. */
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

/** What `ca paper` works with. */
export interface PrintPaperPorts extends EncryptionPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly progress: Progress
  readonly passphrases: Passphrases
}

/** The key is on them. */
const SHEET_MODE = 0o600

/**
 * Writes the root key as sheets to be printed. Each sheet is read back and opened before any is written.
 *
 * @throws FpkiError ERR_USAGE; ERR_EXISTS when a sheet is there; ERR_KEY_IN_TOKEN when the key is in no file; ERR_BAD_KEY,
 *   ERR_PASSPHRASE, and what opening the directory throws
 */
export async function printPaper(options: PrintPaperOptions, ports: PrintPaperPorts): Promise<PrintPaperResult> {
  const { protection } = options
  const { files, progress, passphrases } = ports
  const isPlain = protection.kind === 'plain'
  const sharing = protection.kind === 'shares' ? protection : null
  const pki = await openPki(files, options.directory, options.factory)
  const places = placesOf(options)
  for (const place of places) await requireFree(files, place, 'place of the sheets')
  if (isPlain)
    progress.warn('The sheet has the root key in the clear: whoever reads it, or a printer’s memory, has it.')
  const pem = await rootKeyPem(pki)
  const key = await decryptKeyPem(pem, pathOf(pki), passphrases)
  await openRootKey({ open: async () => key.signer }, pki)
  const clear = key.clearPem('pkcs8')
  const sheetPassphrase = async () =>
    key.passphrase === null ? newPassphrase(passphrases) : checkNewPassphrase(key.passphrase)
  const ready = isPlain ? inTheClear(clear, pki) : await encrypted({ clear, pki, sharing, ports }, sheetPassphrase)
  const sheets = sheetsOf(ready, pki, ports.clock())
  await prove(ready, sheets, pki)
  await writeAll(files, sharing === null ? null : options.out, places, sheets.map(sheetHtml))
  const [first] = sheets as readonly [Sheet]
  return {
    factory: pki.factory,
    directory: pki.directory.path,
    fingerprint: first.certificateFingerprint,
    publicKeyFingerprint: first.publicKeyFingerprint,
    protection: first.protection.kind,
    needed: sharing?.threshold ?? 1,
    files: [...places],
  }
}

function pathOf({ directory }: OpenPki): string {
  return join(directory.path, PKI_FILES.rootKey)
}

async function rootKeyPem({ directory }: OpenPki): Promise<string> {
  const pem = await directory.read(PKI_FILES.rootKey)
  if (pem !== null) return pem
  throw await notInAFile(directory)
}

async function notInAFile(directory: PkiDirectory): Promise<FpkiError> {
  const rootKey = (await directory.readState())?.rootKey
  if (rootKey?.kind !== 'pkcs11') {
    const hint = 'Put it back from a backup. A key that is in a token cannot be printed: no token gives it away.'
    return new FpkiError('ERR_BAD_KEY', `${directory.path}/${PKI_FILES.rootKey} is missing.`, hint)
  }
  return new FpkiError(
    'ERR_KEY_IN_TOKEN',
    `The root key of ${directory.path} is in the token "${rootKey.tokenLabel}", which never gives it away.`,
    'It cannot be printed. Back the token up as its maker says, with a second token for instance.',
  )
}

function placesOf({ out, protection }: PrintPaperOptions): readonly string[] {
  if (protection.kind !== 'shares') return [out]
  return Array.from({ length: protection.count }, (_, at) => join(out, `sheet-${at + 1}.html`))
}

/** All sheets or none: some of a set are of no use, and would stand in the way of the next one. */
async function writeAll(
  files: DurableFiles,
  folder: string | null,
  places: readonly string[],
  contents: readonly string[],
): Promise<void> {
  if (folder !== null) await files.makeDirectory(folder)
  const written: string[] = []
  try {
    for (const [at, place] of places.entries()) {
      await files.create(place, contents[at] ?? '', SHEET_MODE)
      written.push(place)
    }
  } catch (error) {
    for (const place of written) await files.remove(place).catch(() => undefined)
    throw error
  }
}
