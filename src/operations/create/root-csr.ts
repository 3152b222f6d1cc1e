import * as z from 'zod/mini'
import { openAuditLog } from '../../audit-log/audit-log.js'
import { KEEP } from '../../audit-log/traces.js'
import { ABANDON, ROOT_CSR_COMMAND } from '../../directory/commands.js'
import { ROOT_CSR } from '../../directory/names.js'
import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { type Journal, keyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { checkFactoryName } from '../../factory-name.js'
import { type KeepWork, keepStep } from '../../journal/keep-records.js'
import { holdsPki, lastJournal, requireSameWork } from '../../journal/resume.js'
import { type Facts, fact, newJournal, runSteps, type Step } from '../../journal/run-steps.js'
import { jsonDocument } from '../../json-document.js'
import { makeKey, requireMadeKey } from '../../keystore/key-store.js'
import { readCsr } from '../../pki/csr.js'
import { formatName } from '../../pki/name.js'
import { sameSpki } from '../../pki/public-key.js'
import { createCaCsr } from '../../signer/x509/csr.js'
import { commonNameAndUnit } from '../../signer/x509/name.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { type OpenApi, requireNoRoot } from './factory-is-set.js'
import { type CreateKeys, checkPassphrase, openCreateKeys } from './keys.js'
import type { KeyPlaces, NewRootInFile, NewRootInToken } from './options.js'
import { type CreatePkiPorts, keyArguments } from './preconditions.js'

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

/** What `ca root-csr` is asked to make. */
export interface CreateRootCsrOptions {
  /** Absolute path. */
  readonly directory: string
  readonly factory: string
  /** The Factory API's name, for state.json. */
  readonly api: string
  /** Where the factory's name was given, for messages: a flag, a variable, a file. */
  readonly factorySource?: string
  /** Where its key is made. */
  readonly root: NewRootInFile | NewRootInToken
  /** A second place for the request, absolute. */
  readonly out?: string
}

/** What `ca root-csr` works with. */
export interface CreateRootCsrPorts extends Omit<CreatePkiPorts, 'api'> {
  /**
   * Opens the Factory API, which is asked whether the factory has a root already. It may be out of reach: a root key is
   * often made on a machine without a network.
   */
  readonly openApi: OpenApi
}

interface Work extends KeepWork {
  readonly options: CreateRootCsrOptions
  readonly keys: CreateKeys
}

const COMMAND = ROOT_CSR_COMMAND

const STEPS: readonly Step<Work>[] = [
  { name: 'state', says: 'Remembering which factory this is', run: rememberFactory },
  { name: 'root-key', says: 'Making the root key', run: makeRootKey },
  { name: 'root-csr', says: 'Signing the request for its certificate', run: makeCsr },
]

/**
 * Makes a root key and a request for its certificate, which a company's CA is to sign; `ca create --root-cert` goes on
 * from there. Called again it makes no second key, and gives the same request.
 *
 * @throws FpkiError ERR_EXISTS when the directory holds a PKI or something else is in the way; ERR_FACTORY_IS_SET when the
 *   factory has a root; ERR_UNFINISHED when it was begun with other options; ERR_PASSPHRASE, ERR_BAD_KEY, ERR_STORAGE,
 *   ERR_HSM_…
 */
export async function createRootCsr(
  options: CreateRootCsrOptions,
  ports: CreateRootCsrPorts,
): Promise<CreateRootCsrResult> {
  checkFactoryName(options.factory, 'the caller')
  checkAbsolute(options.directory, 'PKI directory')
  if (options.out !== undefined) checkAbsolute(options.out, 'output file', 'out')
  const directory = pkiDirectory(ports.files, options.directory)
  const begun = await begunWork(directory, options)
  await requireNoRoot(options, ports)
  for (const warning of await directory.warningsAbove()) ports.progress.warn(warning)
  const places = placesOf(options)
  const keys = await openCreateKeys(directory, places, null, ports)
  try {
    await keys.refuseTaken(begun)
    await checkPassphrase(directory, keys, places, ports)
    await directory.make()
    const csr = await csrWith(
      {
        directory,
        options,
        keys,
        rootSigner: null,
        auditLog: openAuditLog(directory, COMMAND, ports),
        warn: ports.progress.warn,
      },
      ports,
    )
    if (options.out !== undefined) await writeOut(ports, options.out, csr)
    const subject = formatName(readCsr(csr, ROOT_CSR).subject)
    const { factory } = options
    return {
      factory,
      directory: directory.path,
      rootKey: keys.root,
      csrFile: `${directory.path}/${ROOT_CSR}`,
      subject,
      csr,
    }
  } finally {
    await keys.store.close()
  }
}

async function csrWith(work: Work, ports: CreateRootCsrPorts): Promise<string> {
  const { directory, options } = work
  const lock = await directory.lock()
  try {
    const begun = await begunWork(directory, options)
    const made = begun?.finishedAt == null ? null : await directory.read(ROOT_CSR)
    if (begun !== null && made !== null) {
      await makeCsr(work, begun.facts)
      ports.progress.note(`the key and the request were made at ${begun.startedAt}, and are kept.`)
      return made
    }
    const journal =
      begun === null ? newJournal(COMMAND, argumentsOf(options), [...STEPS, KEEP], ports.clock()) : reopened(begun)
    await runSteps([...STEPS, keepStep(journal)], work, journal, { ...ports, directory })
    return (await directory.read(ROOT_CSR)) ?? ''
  } finally {
    await lock.release()
  }
}

function argumentsOf(options: CreateRootCsrOptions): Facts {
  return { '--factory': options.factory, ...keyArguments(placesOf(options)) }
}

/** The root key alone. */
function placesOf({ root }: CreateRootCsrOptions): KeyPlaces {
  const localCa = { kind: 'none' } as const
  return root.kind === 'new-file' ? { root, localCa } : { root, localCa }
}

/** What there is to go on with, or has been finished; null: nothing. */
async function begunWork(directory: PkiDirectory, options: CreateRootCsrOptions): Promise<Journal | null> {
  if ((await directory.check()) === 'missing') return null
  const journal = await lastJournal(directory)
  const isFree = journal === null || (journal.command === ABANDON && journal.finishedAt !== null)
  if (isFree && (await directory.contents()).length === 0) return null
  if (journal === null || (journal.command !== COMMAND && journal.finishedAt !== null)) throw await holdsPki(directory)
  requireSameWork(directory, journal, COMMAND, argumentsOf(options))
  return journal
}

/** A request that was lost is made again, for the key that it was for. */
function reopened(journal: Journal): Journal {
  if (journal.finishedAt === null) return journal
  const steps = journal.steps.map((step) => (step.name === 'root-csr' ? { ...step, state: 'started' as const } : step))
  return { ...journal, steps, finishedAt: null }
}

async function rememberFactory({ directory, options, keys }: Work): Promise<undefined> {
  const { factory, api } = options
  await directory.writeState({ version: 1, factory, api, rootKey: keys.root })
}

async function makeRootKey({ keys }: Work, _: Facts, interrupted: boolean): Promise<Facts> {
  return { rootKey: await makeKey(keys.store, keys.root, keys.newRoot, interrupted) }
}

async function makeCsr({ directory, options, keys, auditLog }: Work, facts: Facts): Promise<undefined> {
  const spki = await requireMadeKey(keys.store, keys.root, fact(facts, 'rootKey'))
  const existing = await directory.read(ROOT_CSR)
  const path = `${directory.path}/${ROOT_CSR}`
  if (existing !== null && sameSpki(readCsr(existing, path).publicKey.spki, spki)) return
  const csr = await createCaCsr(await commonNameAndUnit('Factory-CA', options.factory), await keys.openRoot())
  await auditLog.event('The root key signed the request for its certificate.')
  // One of another key: create refuses to overwrite it, and says so.
  await directory.create(ROOT_CSR, csr)
}

async function writeOut({ files }: CreateRootCsrPorts, path: string, csr: string): Promise<void> {
  const existing = await files.read(path, csr.length + 1).catch((error: unknown) => {
    if (error instanceof FpkiError && error.code === 'ERR_BAD_FILE') return ''
    throw error
  })
  if (existing !== csr) await files.create(path, csr, 0o644)
}
