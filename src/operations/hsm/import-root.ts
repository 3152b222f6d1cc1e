import * as z from 'zod/mini'
import { openAuditLog } from '../../audit-log/audit-log.js'
import { KEEP } from '../../audit-log/traces.js'
import { PKI_FILES } from '../../directory/names.js'
import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { type Journal, keyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { beginRecords, keepStep } from '../../journal/keep-records.js'
import { requireSameWork } from '../../journal/resume.js'
import { type Facts, newJournal, runSteps } from '../../journal/run-steps.js'
import { jsonDocument } from '../../json-document.js'
import { decryptKeyPem } from '../../keystore/key-files.js'
import { openTokenKeys } from '../../keystore/token-keys.js'
import { provesPossession } from '../../pki/possession.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, KeySecrets, Progress, Who } from '../../ports.js'
import type { CryptokiMaker } from '../../signer/pkcs11/cryptoki.js'
import { hsmArguments } from '../create/preconditions.js'
import {
  IMPORT_STEPS,
  type ImportRootOptions,
  type ImportWork,
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

const COMMAND = 'ca import-root'

/**
 * Moves the root key from factory_ca.key into a token. The file goes last, and only when it is asked for, from the snapshots
 * too: wherever this is cut off, the file or the token has a key that works, and the same call goes on.
 *
 * @throws FpkiError ERR_EXISTS when the token has another key under the label; ERR_BAD_KEY when the file is missing or not
 *   the certificate's; ERR_PASSPHRASE when it does not open; ERR_SIGNATURE when the token does not sign as it should;
 *   ERR_UNFINISHED when another command is open; ERR_HSM_…
 */
export async function importRoot(options: ImportRootOptions, ports: ImportRootPorts): Promise<ImportRootResult> {
  const directory = pkiDirectory(ports.files, options.directory)
  const root = await rootOnDisk(directory, options, ports)
  await directory.make()
  const lock = await directory.lock()
  try {
    return await importInto(directory, root, options, ports)
  } finally {
    await lock.release()
  }
}

async function importInto(
  directory: PkiDirectory,
  root: RootOnDisk,
  options: ImportRootOptions,
  ports: ImportRootPorts,
): Promise<ImportRootResult> {
  const { login, makeCryptoki } = ports
  const tokenKeys = await openTokenKeys(options.hsm, { ...ports.progress, login, makeCryptoki })
  try {
    const auditLog = openAuditLog(directory, COMMAND, ports)
    const work = {
      ...root,
      directory,
      options,
      tokenKeys,
      auditLog,
      rootSigner: signerIn(tokenKeys, root),
      warn: ports.progress.warn,
    }
    const { rootKey, factory } = await importLocked(work, ports)
    return { factory, directory: directory.path, rootKey, keyFileRemoved: options.removeKey }
  } finally {
    await tokenKeys.close()
  }
}

async function importLocked(work: ImportWork, ports: ImportRootPorts) {
  const { directory, options, tokenKeys } = work
  // Again, under the lock.
  const found = await openJournal(directory, options)
  refuseOther(tokenKeys, work)
  if (found === null) await beginRecords(directory, work.auditLog, ports.clock())
  const earlier = await directory.readJournal()
  const steps = [...IMPORT_STEPS, ...(options.removeKey ? [REMOVE_KEY] : [])]
  const journal = found ?? newJournal(COMMAND, argumentsOf(options), [...steps, KEEP], ports.clock())
  await runSteps([...steps, keepStep(journal)], work, journal, { ...ports, directory }).catch(
    async (error: unknown) => {
      if (found === null && (await isUndone(error, work, ports)))
        await directory.restoreJournal(earlier).catch(() => undefined)
      throw error
    },
  )
  const state = await directory.readState()
  return { factory: state?.factory ?? '', rootKey: state?.rootKey ?? rootKeyRef(tokenKeys, work) }
}

/** Is the directory as it was? What is in the token is taken up by the next run. */
async function isUndone(error: unknown, { directory }: ImportWork, { signal }: ImportRootPorts): Promise<boolean> {
  if (signal.aborted || !(error instanceof FpkiError)) return false
  const journal = await directory.readJournal().catch(() => null)
  return journal?.steps.find(({ name }) => name === 'state')?.state === 'pending'
}

function argumentsOf({ hsm, removeKey }: ImportRootOptions): Facts {
  return { '--remove-key': String(removeKey), ...hsmArguments(hsm) }
}

async function openJournal(directory: PkiDirectory, options: ImportRootOptions): Promise<Journal | null> {
  const journal = await directory.readJournal()
  if (journal === null || journal.finishedAt !== null) return null
  requireSameWork(directory, journal, COMMAND, argumentsOf(options))
  return journal
}

/** The key file and the certificate, which must belong together; else the token would get a key that is not the root's. */
async function rootOnDisk(
  directory: PkiDirectory,
  options: ImportRootOptions,
  { passphrases }: KeySecrets,
): Promise<RootOnDisk> {
  const { rootKey, rootCertificate } = PKI_FILES
  if ((await directory.check()) === 'missing') throw missing(directory, rootCertificate)
  const journal = await openJournal(directory, options)
  const pem = await directory.read(rootKey)
  const certificatePem = await directory.read(rootCertificate)
  if (certificatePem === null) throw missing(directory, rootCertificate)
  const certificate = readPemCertificate(certificatePem, `${directory.path}/${rootCertificate}`)
  const isRemoving = journal?.steps.some(({ name, state }) => name === REMOVE_KEY.name && state !== 'pending') ?? false
  if (pem === null && isRemoving) return { material: null, certificate }
  if (pem === null) throw await noKeyFile(directory)
  const path = `${directory.path}/${rootKey}`
  const key = await decryptKeyPem(pem, path, passphrases)
  if (await provesPossession(key.signer, certificate.spki)) return { material: key.material(), certificate }
  throw new FpkiError(
    'ERR_BAD_KEY',
    `${path} is not the key of ${rootCertificate}.`,
    'Put the right one back from a backup.',
  )
}

async function noKeyFile(directory: PkiDirectory): Promise<FpkiError> {
  const state = await directory.readState()
  if (state?.rootKey.kind !== 'pkcs11') return missing(directory, PKI_FILES.rootKey)
  return new FpkiError(
    'ERR_EXISTS',
    `The root key of ${directory.path} is in the token "${state.rootKey.tokenLabel}" already, and in no file.`,
    'There is nothing left to do. To put it into another token, put factory_ca.key back from a backup first.',
  )
}

function missing({ path }: PkiDirectory, file: string): FpkiError {
  return new FpkiError('ERR_BAD_KEY', `${path}/${file} is missing.`, 'Name the PKI directory that has it.')
}
