import * as z from 'zod/mini'
import { openAuditLog } from '../../audit-log/audit-log.js'
import type { OptionsOf } from '../../directory/journal-record.js'
import { refuseKit } from '../../directory/kit-record.js'
import { PKI_FILES } from '../../directory/names.js'
import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { keyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { failedBefore } from '../../journal/failed-before.js'
import { beginRecords } from '../../journal/keep-records.js'
import { resumable } from '../../journal/resumable.js'
import { runJournalled } from '../../journal/run-journalled.js'
import { jsonDocument } from '../../json-document.js'
import { decryptKeyPem } from '../../keystore/key-files.js'
import { openTokenKeys } from '../../keystore/token-keys.js'
import { provesPossession } from '../../pki/possession.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, KeySecrets, Progress, Who } from '../../ports.js'
import type { CryptokiMaker } from '../../signer/pkcs11/cryptoki.js'
import { journalledToken } from '../create/journalled-options.js'
import {
  IMPORT_ROOT,
  type ImportRootOptions,
  type ImportWork,
  importSteps,
  REMOVE_KEY,
  type RootOnDisk,
  refuseOther,
  rootKeyRef,
  signerIn,
} from './import-root-steps.js'

export type { ImportRootOptions } from './import-root-steps.js'

/** What `fpki ca import-root --json` prints. */
export const importRootResult = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  directory: z.string(),
  rootKey: keyRef,
  /** factory_ca.key was removed from the directory. */
  keyFileRemoved: z.boolean(),
})

/** See {@link importRootResult}. */
export type ImportRootResult = z.infer<typeof importRootResult>

/** What `ca import-root` works with. */
export interface ImportRootPorts extends KeySecrets {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly makeCryptoki?: CryptokiMaker
}

/**
 * Moves the root key from factory_ca.key into a token. The file is removed last, and only on request, from the snapshots
 * too: after any interruption, the file or the token has a working key, and the same call resumes.
 *
 * @throws FpkiError ERR_EXISTS when the token has another key under the label; ERR_BAD_KEY when the file is missing or not
 *   the certificate's; ERR_PASSPHRASE when it does not open; ERR_SIGNATURE when the token does not sign as it should;
 *   ERR_UNFINISHED when another command is open; ERR_HSM_…
 */
export async function importRoot(options: ImportRootOptions, ports: ImportRootPorts): Promise<ImportRootResult> {
  const directory = pkiDirectory(ports.files.deferring(), options.directory)
  await refuseKit(directory)
  const root = await rootOnDisk(directory, options, ports)
  await directory.make()
  const { login, makeCryptoki } = ports
  const tokenKeys = await openTokenKeys(options.hsm, { ...ports.progress, login, makeCryptoki })
  try {
    const auditLog = openAuditLog(directory, IMPORT_ROOT, ports)
    const opened = { ...root, directory, options, tokenKeys, auditLog, rootSigner: signerIn(tokenKeys, root) }
    const { work } = await runJournalled(IMPORT_ROOT, journalledOptions(options), importSteps(options), {
      ...ports,
      directory,
      work: async (): Promise<ImportWork> => {
        refuseOther(tokenKeys, root)
        return { ...opened, warn: ports.progress.warn }
      },
      begin: async () => beginRecords(directory, auditLog, ports.clock()),
      keep: (kept) => kept,
      // The next run finds a key that is in the token already.
      rollBack: {
        isSafe: async (error, _, resumed) =>
          !resumed && (await failedBefore('state', error, { directory, signal: ports.signal })),
      },
    })
    const state = await directory.readState()
    const { factory = '', rootKey = rootKeyRef(tokenKeys, work) } = state ?? {}
    return { factory, directory: directory.path, rootKey, keyFileRemoved: options.removeKey }
  } finally {
    await tokenKeys.close()
  }
}

/** What the journal of a `ca import-root` records of its options. */
function journalledOptions({ hsm, removeKey }: ImportRootOptions): OptionsOf<typeof IMPORT_ROOT> {
  return { removeKey, hsm: journalledToken(hsm) }
}

/** The key file and the certificate. They must match, or the token would get a key that is not the root's. */
async function rootOnDisk(
  directory: PkiDirectory,
  options: ImportRootOptions,
  { passphrases }: KeySecrets,
): Promise<RootOnDisk> {
  const { rootKey, rootCertificate } = PKI_FILES
  if ((await directory.check()) === 'missing') throw missing(directory, rootCertificate)
  const journal = await resumable(directory, IMPORT_ROOT, journalledOptions(options))
  const pem = await directory.read(rootKey)
  const certificatePem = await directory.read(rootCertificate)
  if (certificatePem === null) throw missing(directory, rootCertificate)
  const certificate = readPemCertificate(certificatePem, `${directory.path}/${rootCertificate}`)
  const isRemoving = journal?.steps.some(({ name, state }) => name === REMOVE_KEY && state !== 'pending') ?? false
  if (pem === null && isRemoving) return { material: null, certificate }
  if (pem === null) throw await noKeyFile(directory)
  const path = `${directory.path}/${rootKey}`
  const key = await decryptKeyPem(pem, path, passphrases)
  if (await provesPossession(key.signer, certificate.spki)) return { material: key.material(), certificate }
  throw new FpkiError(
    'ERR_BAD_KEY',
    `${path} is not the key of ${rootCertificate}.`,
    'Restore the right key from a backup.',
  )
}

async function noKeyFile(directory: PkiDirectory): Promise<FpkiError> {
  const state = await directory.readState()
  if (state?.rootKey.kind !== 'pkcs11') return missing(directory, PKI_FILES.rootKey)
  return new FpkiError(
    'ERR_EXISTS',
    `The root key of ${directory.path} is already in the token "${state.rootKey.tokenLabel}"; it has no key file.`,
    'Nothing to do. To import it into another token, restore factory_ca.key from a backup first.',
  )
}

function missing({ path }: PkiDirectory, file: string): FpkiError {
  return new FpkiError('ERR_BAD_KEY', `${path}/${file} is missing.`, 'Pass the PKI directory that contains it.')
}
