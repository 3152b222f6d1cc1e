import { isRefusal, openAuditLog } from '../../audit-log/audit-log.js'
import { KEEP } from '../../audit-log/traces.js'
import type { DirectoryState, Journal } from '../../directory/records.js'
import type { CertificatesUpdate, FactoryApi, FactoryCertificates, VersionedCertificates } from '../../factory/api.js'
import type { Workplace } from '../../issuance/issue.js'
import { deviceCasOf, knownPki, type OpenPki, openPki, openRootKey } from '../../issuance/open-pki.js'
import { type HsmAccess, type RootSigner, rootSignerOf } from '../../keystore/root-key.js'
import { checkClock } from '../../pki/clock.js'
import type { Clock, DurableFiles, EncryptionPorts, Progress, Who } from '../../ports.js'
import { beginRecords, keepStep } from '../keep-records.js'
import { requireSameWork } from '../resume.js'
import { type Facts, newJournal, runSteps, type Step } from '../run-steps.js'
import { finishStep, lookAgain, type Sent, uploadStep } from './steps.js'
import { discardStaged, isUndone, refuseTakenLeftovers, restore } from './undo.js'

/** What a command that changes a PKI works with. */
export interface ChangePorts extends EncryptionPorts {
  readonly api: FactoryApi
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly progress: Progress
  readonly signal: AbortSignal
  /** How to come to the root key when it is in a token. */
  readonly access?: HsmAccess
}

/** A PKI in the middle of a change. Files are made aside, and published when the Factory API has taken them. */
export interface ChangeWork extends Workplace, OpenPki, EncryptionPorts {
  readonly api: FactoryApi
  readonly signal: AbortSignal
  readonly access?: HsmAccess
  /** What the Factory API knew when the change began. */
  readonly known: VersionedCertificates
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
  /** Is it still right to send it, given what the Factory API knows now? Throws when it is not; nothing was sent then. */
  recheck?(work: ChangeWork, known: FactoryCertificates): Promise<void>
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
    auditLog: openAuditLog(directory, change.command, ports),
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
    await beginRecords(directory, work.auditLog, ports.clock())
  } else ports.progress.note(`Going on with the \`${change.command}\` that began at ${found.startedAt}.`)
  const earlier = await directory.readJournal()
  const sent: Sent[] = []
  const steps = [...change.prepare, uploadStep(change, (one) => sent.push(one)), finishStep(change)]
  const journal = found ?? beginning(change, [...steps, KEEP], ports)
  const facts = await runSteps([...steps, keepStep(journal)], work, journal, { ...ports, directory }).catch(
    async (error: unknown) => {
      await sealRefusal(error, work)
      // What went wrong first is what is told. A journal that could not be put back goes on with what is there.
      if (await isUndone(error, change, work))
        await restore(work, found === null ? earlier : null).catch(() => undefined)
      throw error
    },
  )
  await lookAgain(change, work, sent.at(-1))
  return { pki, facts, resumed: found !== null, warnings }
}

/** Which API it speaks to is for `ca resume` to know. */
function beginning(
  { command, arguments: args }: Change,
  steps: readonly { name: string }[],
  ports: ChangePorts,
): Journal {
  return { ...newJournal(command, args, steps, ports.clock()), facts: { api: ports.api.name } }
}

/** The root key is open, and signs for what the audit log says of a refusal; else the next command does it. */
async function sealRefusal(error: unknown, { auditLog, rootSigner }: ChangeWork): Promise<void> {
  if (!isRefusal(error)) return
  await rootSigner
    .open()
    .then((signer) => auditLog.seal(signer))
    .catch(() => undefined)
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
