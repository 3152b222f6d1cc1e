import type { DirectoryState, Journal } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { CertificatesUpdate, FactoryApi, FactoryCertificates } from '../factory/api.js'
import type { Clock, DurableFiles, Progress, Random, Who } from '../ports.js'
import { requireSameWork } from './begun.js'
import { finishStep, uploadStep } from './change-steps.js'
import { checkClock } from './create-preconditions.js'
import { beginRecords, KEEP, keepStep } from './keep-records.js'
import { deviceCasOf, knownPki, type OpenPki, openPki, openRootKey } from './open-pki.js'
import { isRefusal, registerOf } from './register.js'
import { type HsmAccess, type RootSigner, rootSignerOf } from './root-signer.js'
import { type Facts, newJournal, runSteps, type Step } from './run-steps.js'
import type { Workplace } from './workplace.js'

/** What a command that changes a PKI works with. */
export interface ChangePorts {
  readonly api: FactoryApi
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly random: Random
  readonly progress: Progress
  readonly signal: AbortSignal
  /** How to come to the root key when it is in a token. */
  readonly access?: HsmAccess
}

/** A PKI in the middle of a change. Files are made aside, and published when the Factory API has taken them. */
export interface ChangeWork extends Workplace, OpenPki {
  readonly api: FactoryApi
  readonly signal: AbortSignal
  readonly access?: HsmAccess
  /** What the Factory API knew when the change began. */
  readonly known: FactoryCertificates
}

/** One command that changes a PKI: sign, upload, read back; only then the files of the directory change. */
export interface Change {
  /** `ca rotate-tls` */
  readonly command: string
  /** What was asked for, under the names of the flags; the same again goes on with it. */
  readonly arguments: Facts
  /** What must hold before anything is asked for or made; throws when it does not. */
  check?(pki: OpenPki): Promise<void>
  /** Makes and stages what is to be uploaded. */
  readonly prepare: readonly Step<ChangeWork>[]
  /** What the Factory API is to be told, given what it knows now. */
  update(work: ChangeWork, known: FactoryCertificates, facts: Facts): Promise<CertificatesUpdate>
  /** Does the Factory API say what `update` wants it to? */
  isTaken(known: FactoryCertificates, update: CertificatesUpdate): boolean
  /** Puts what was staged in its place. Resolves to what state.json is to remember. */
  finish(work: ChangeWork, facts: Facts): Promise<Partial<DirectoryState> | undefined>
}

/** How a change ended. */
export interface Changed {
  readonly pki: OpenPki
  readonly facts: Facts
  readonly resumed: boolean
  readonly warnings: readonly string[]
}

/**
 * Carries a change through, or an interrupted one to its end. When the Factory API does not take it, the directory is
 * left as it was; when it is not known whether it did, the same call finds out.
 *
 * @throws FpkiError as openPki, knownPki and openRootKey do; ERR_UNFINISHED when another command is open, ERR_LOCKED,
 *   and what the steps throw
 */
export async function changePki(
  where: { readonly directory: string; readonly factory: string },
  change: Change,
  ports: ChangePorts,
): Promise<Changed> {
  const pki = await openPki(ports.files, where.directory, where.factory)
  const { directory } = pki
  checkClock(ports.clock())
  // Before a PIN is asked for; again behind the lock.
  if ((await openJournal(pki, change)) === null) await change.check?.(pki)
  const rootSigner = rootSignerOf(directory, ports.access)
  try {
    // Before anything is asked for or made; again under the lock: a PIN may have been waited for.
    await knownPki(ports.api, pki)
    await openRootKey(rootSigner, pki)
    await directory.make()
    const lock = await directory.lock()
    try {
      return await changeLocked(pki, change, ports, rootSigner)
    } finally {
      await lock.release()
    }
  } finally {
    await rootSigner.close()
  }
}

async function changeLocked(
  pki: OpenPki,
  change: Change,
  ports: ChangePorts,
  rootSigner: RootSigner,
): Promise<Changed> {
  const { directory } = pki
  const found = await openJournal(pki, change)
  const known = await knownPki(ports.api, pki)
  const warnings: string[] = []
  const work: ChangeWork = {
    ...ports,
    ...pki,
    made: { path: directory.path, read: directory.readStaged, create: directory.stage },
    known,
    rootSigner,
    register: registerOf(directory, change.command, ports),
    // Read when asked for: there may be many.
    get deviceCas() {
      return deviceCasOf(known)
    },
    warn: (text) => {
      warnings.push(text)
      ports.progress.warn(text)
    },
  }
  if (found === null) {
    await refuseTakenLeftovers(work)
    await discardStaged(work)
    await change.check?.(pki)
    await beginRecords(directory, work.register, ports.clock())
  } else ports.progress.note(`Going on with the \`${change.command}\` that began at ${found.startedAt}.`)
  const earlier = await directory.readJournal()
  const steps = [...change.prepare, uploadStep(change), finishStep(change)]
  const journal = found ?? newJournal(change.command, change.arguments, [...steps, KEEP], ports.clock())
  const facts = await runSteps([...steps, keepStep(journal)], work, journal, { ...ports, directory }).catch(
    async (error: unknown) => {
      await sealRefusal(error, work)
      // What went wrong first is what is told. A journal that could not be put back goes on with what is there.
      if (await isUndone(error, change, work))
        await restore(work, found === null ? earlier : null).catch(() => undefined)
      throw error
    },
  )
  return { pki, facts, resumed: found !== null, warnings }
}

/** The root key is open, and signs for what the register says of a refusal; else the next command does it. */
async function sealRefusal(error: unknown, { register, rootSigner }: ChangeWork): Promise<void> {
  if (isRefusal(error)) await register.seal(await rootSigner.open()).catch(() => undefined)
}

/** The journal of this change, when it was interrupted; null when nothing is open. Throws ERR_UNFINISHED for another. */
async function openJournal({ directory }: OpenPki, change: Change): Promise<Journal | null> {
  const journal = await directory.readJournal()
  if (journal === null || journal.finishedAt !== null) return null
  requireSameWork(directory, journal, change.command, change.arguments)
  return journal
}

/** Was this very change interrupted? Throws ERR_UNFINISHED when another is open. */
export async function isInterrupted(pki: OpenPki, change: Change): Promise<boolean> {
  return (await openJournal(pki, change)) !== null
}

/** Is it certain that the Factory API has not taken the change? A stop by the user is gone on with, not undone. */
async function isUndone(error: unknown, change: Change, work: ChangeWork): Promise<boolean> {
  if (work.signal.aborted || !(error instanceof FpkiError)) return false
  const journal = await work.directory.readJournal().catch(() => null)
  const upload = journal?.steps.find(({ name }) => name === 'upload')?.state
  if (journal === null || upload !== 'started') return upload === 'pending'
  try {
    const known = await knownPki(work.api, work)
    return !change.isTaken(known, await change.update(work, known, journal.facts))
  } catch {
    return false
  }
}

/**
 * What is staged and no journal speaks of is what an undone change could not clear away. But when the Factory API has it,
 * its journal was lost, and it is in use: it is not for us to remove it.
 */
async function refuseTakenLeftovers({ directory, known }: ChangeWork): Promise<void> {
  const inApi = [known.tlsCrt, known.estTlsCrt, known.caCrt].join('\n').replace(/\s/g, '')
  for (const name of await directory.staged()) {
    const pem = (await directory.readStaged(name)) ?? ''
    if (pem === '' || !inApi.includes(pem.replace(/\s/g, ''))) continue
    throw new FpkiError(
      'ERR_UNFINISHED',
      `The Factory API has ${name} of ${directory.path}/.fpki/pending, and the journal that speaks of it is gone.`,
      'Move what is in that folder to its places in the PKI directory, and run the command again.',
    )
  }
}

/** Leaves the directory as it was. The journal goes first: without it, nobody wants what is staged. */
async function restore(work: ChangeWork, earlier: Journal | null): Promise<void> {
  await work.directory.restoreJournal(earlier)
  await discardStaged(work)
}

async function discardStaged({ directory }: ChangeWork): Promise<void> {
  for (const name of await directory.staged()) await directory.discard(name)
}
