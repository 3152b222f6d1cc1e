import * as z from 'zod/mini'
import { openAuditLog } from '../../audit-log/audit-log.js'
import { ROOT_CSR_COMMAND } from '../../directory/commands.js'
import type { FactsOf, JournalOf, OptionsOf } from '../../directory/journal-record.js'
import { ROOT_CSR } from '../../directory/names.js'
import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { keyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { checkFactoryName } from '../../factory-name.js'
import type { KeepWork } from '../../journal/keep-records.js'
import { finishedRootCsr, requireSame, resumableInNew } from '../../journal/resumable.js'
import { runJournalled } from '../../journal/run-journalled.js'
import { steps } from '../../journal/steps.js'
import { jsonDocument } from '../../json-document.js'
import { makeKey, requireMadeKey } from '../../keystore/key-store.js'
import { parseAndVerifyCsr } from '../../pki/csr.js'
import { formatName } from '../../pki/name.js'
import { sameSpki } from '../../pki/public-key.js'
import { createCaCsr } from '../../signer/x509/csr.js'
import { commonNameAndUnit } from '../../signer/x509/name.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { type OpenApi, requireNoRoot } from './factory-is-set.js'
import { journalledNewRoot } from './journalled-options.js'
import { type CreateKeys, checkPassphrase, openCreateKeys } from './keys.js'
import type { KeyPlaces, NewRootInFile, NewRootInToken } from './options.js'
import type { CreatePkiPorts } from './preconditions.js'

/** What `fpki ca root-csr --json` prints. */
export const createRootCsrResult = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  directory: z.string(),
  rootKey: keyRef,
  /** Where the request is, absolute. */
  csrFile: z.string(),
  subject: z.string(),
  /** PEM. */
  csr: z.string(),
})

/** See {@link createRootCsrResult}. */
export type CreateRootCsrResult = z.infer<typeof createRootCsrResult>

/** The options of `ca root-csr`. */
export interface CreateRootCsrOptions {
  /** Absolute path. */
  readonly directory: string
  readonly factory: string
  /** The Factory API's name, for state.json. */
  readonly api: string
  /** The source of the factory's name, for messages: a flag, a variable, a file. */
  readonly factorySource?: string
  /** Where its key is generated. */
  readonly root: NewRootInFile | NewRootInToken
  /** A second place for the request, absolute. */
  readonly out?: string
}

/** What `ca root-csr` works with. */
export interface CreateRootCsrPorts extends Omit<CreatePkiPorts, 'api'> {
  /**
   * Opens the Factory API, to check that the factory has no root yet. It may be unreachable: a root key is
   * often generated on a machine without a network.
   */
  readonly openApi: OpenApi
}

interface Work extends KeepWork {
  readonly options: CreateRootCsrOptions
  readonly keys: CreateKeys
}

const COMMAND = ROOT_CSR_COMMAND

type RootCsrJournal = JournalOf<typeof COMMAND>
type Facts = FactsOf<typeof COMMAND>

const STEPS = steps<Work, typeof COMMAND>()
  .step({ name: 'key', says: 'Generating the root key', run: makeRootKey })
  .step({ name: 'request', says: 'Signing its CSR', run: makeCsr })

/**
 * Creates a root key and a CSR for a company's CA to sign; `ca create --root-cert` continues from
 * there. A second call reuses the key and returns the same CSR.
 *
 * @throws FpkiError ERR_EXISTS when the directory contains a PKI or other files; ERR_FACTORY_IS_SET when the
 *   factory has a root; ERR_UNFINISHED when it was started with other options; ERR_PASSPHRASE, ERR_BAD_KEY, ERR_STORAGE,
 *   ERR_HSM_…
 */
export async function createRootCsr(
  options: CreateRootCsrOptions,
  ports: CreateRootCsrPorts,
): Promise<CreateRootCsrResult> {
  checkFactoryName(options.factory, 'the caller')
  checkAbsolute(options.directory, 'PKI directory')
  if (options.out !== undefined) checkAbsolute(options.out, 'output file', 'out')
  const directory = pkiDirectory(ports.files.deferring(), options.directory)
  const earlier = await earlierRun(directory, options)
  await requireNoRoot(options, ports)
  for (const warning of await directory.warningsAbove()) ports.progress.warn(warning)
  const places = placesOf(options)
  const keys = await openCreateKeys(directory, places, null, ports)
  try {
    await keys.refuseTaken(earlier)
    await checkPassphrase(directory, keys, places, ports)
    await directory.make()
    const csr = await csrOf({ directory, options, keys }, ports)
    if (options.out !== undefined) await writeOut(ports, options.out, csr)
    return {
      ...{ factory: options.factory, directory: directory.path, rootKey: keys.root },
      csrFile: `${directory.path}/${ROOT_CSR}`,
      subject: formatName(parseAndVerifyCsr(csr, ROOT_CSR).subject),
      csr,
    }
  } finally {
    await keys.store.close()
  }
}

async function csrOf(
  { directory, options, keys }: Pick<Work, 'directory' | 'options' | 'keys'>,
  ports: CreateRootCsrPorts,
): Promise<string> {
  const auditLog = openAuditLog(directory, COMMAND, ports)
  const work: Work = { directory, options, keys, rootSigner: null, auditLog, warn: ports.progress.warn }
  const finished = await finishedRun(directory, options)
  const existing = finished === null ? null : await directory.read(ROOT_CSR)
  if (finished !== null && existing !== null && (await isForKey(existing, work, finished))) {
    ports.progress.note(`reusing the key and the CSR created at ${finished.startedAt}.`)
    return existing
  }
  await runJournalled(COMMAND, journalledOptions(options), STEPS, {
    ...ports,
    directory,
    find: () => earlierRun(directory, options),
    work: async () => work,
    remember: rememberFactory,
    keep: (kept) => kept,
  })
  return (await directory.read(ROOT_CSR)) ?? ''
}

async function isForKey(csr: string, { directory, keys }: Work, { facts }: RootCsrJournal): Promise<boolean> {
  const publicKey = await requireMadeKey(keys.store, keys.root, facts.key?.rootKey ?? '')
  return sameSpki(parseAndVerifyCsr(csr, `${directory.path}/${ROOT_CSR}`).publicKey.spki, publicKey)
}

/** What the journal of a `ca root-csr` records of its options. */
function journalledOptions(options: CreateRootCsrOptions): OptionsOf<typeof COMMAND> {
  return { factory: options.factory, root: journalledNewRoot(options.root) }
}

/** The root key alone. */
function placesOf({ root }: CreateRootCsrOptions): KeyPlaces {
  const localCa = { kind: 'none' } as const
  return root.kind === 'new-file' ? { root, localCa } : { root, localCa }
}

/** The run to resume. In a finished one the request is signed again when its file was lost, for the same key. */
async function earlierRun(directory: PkiDirectory, options: CreateRootCsrOptions): Promise<RootCsrJournal | null> {
  const open = await resumableInNew(directory, COMMAND, journalledOptions(options))
  const earlier = open ?? (await finishedRun(directory, options))
  if (earlier === null || earlier.finishedAt === null) return earlier
  const reopened = earlier.steps.map((one) => (one.name === 'request' ? { ...one, state: 'started' as const } : one))
  return { ...earlier, steps: reopened }
}

/** Throws ERR_UNFINISHED when the CSR was created with other options. */
async function finishedRun(directory: PkiDirectory, options: CreateRootCsrOptions): Promise<RootCsrJournal | null> {
  const finished = await finishedRootCsr(directory)
  if (finished === null) return null
  return requireSame(directory, finished, COMMAND, journalledOptions(options))
}

async function rememberFactory({ directory, options, keys, auditLog }: Work): Promise<void> {
  const { factory, api } = options
  await directory.writeState({ version: 1, factory, api, rootKey: keys.root })
  await auditLog.prepare()
}

async function makeRootKey({ keys }: Work, _: unknown, interrupted: boolean): Promise<Facts['key']> {
  return { rootKey: await makeKey(keys.store, keys.root, keys.newRoot, interrupted) }
}

async function makeCsr({ directory, options, keys, auditLog }: Work, { key }: Pick<Facts, 'key'>): Promise<void> {
  const publicKey = await requireMadeKey(keys.store, keys.root, key.rootKey)
  const existing = await directory.read(ROOT_CSR)
  const path = `${directory.path}/${ROOT_CSR}`
  if (existing !== null && sameSpki(parseAndVerifyCsr(existing, path).publicKey.spki, publicKey)) return
  const csr = await createCaCsr(await commonNameAndUnit('Factory-CA', options.factory), await keys.openRoot())
  await auditLog.logEvent('The root key signed a CSR for its own certificate.')
  // A request for another key is not overwritten: this throws ERR_EXISTS.
  await directory.create(ROOT_CSR, csr)
}

async function writeOut({ files }: CreateRootCsrPorts, path: string, csr: string): Promise<void> {
  const existing = await files.read(path, csr.length + 1).catch((error: unknown) => {
    if (error instanceof FpkiError && error.code === 'ERR_BAD_FILE') return ''
    throw error
  })
  if (existing !== csr) await files.create(path, csr, 0o644)
}
