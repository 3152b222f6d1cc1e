import { isRefusal, openAuditLog } from '../../audit-log/audit-log.js'
import { beginRecords } from '../../journal/keep-records.js'
import { resumable } from '../../journal/resumable.js'
import { runJournalled } from '../../journal/run-journalled.js'
import { followedBy } from '../../journal/steps.js'
import { rootSignerOf } from '../../keystore/root-key.js'
import { checkClock } from '../../pki/clock.js'
import { certificatesInApi, deviceCasOf, type OpenPki, openPkiOfRoot, openRootKey } from '../open-pki.js'
import type { Change, ChangeCommand, Changed, ChangedPlace, ChangePorts, ChangeWork } from './change.js'
import { discardStaged, isUndone, refuseUploadedLeftovers } from './change-rollback.js'
import { lookAgain, publish, type Sent, upload } from './change-steps.js'

/**
 * Carries out a change, or resumes an interrupted one. If the Factory API rejects it, the directory is not changed; if the
 * outcome is unknown, the same call finds out.
 *
 * @throws FpkiError as openPki, certificatesInApi and openRootKey do; ERR_UNFINISHED when another command was interrupted,
 *   ERR_LOCKED; and errors of the steps
 */
export async function changePki<Command extends ChangeCommand>(
  place: ChangedPlace,
  change: Change<Command>,
  ports: ChangePorts,
): Promise<Changed<Command>> {
  const pki = await openPkiOfRoot(ports.files.deferring(), place.directory, place.factory)
  checkClock(ports.clock())
  // Before prompting for a PIN; again under the lock.
  if (!(await isInterrupted(pki, change))) await change.check?.(pki)
  const rootSigner = rootSignerOf(pki.directory, ports.access)
  try {
    // Read before anything is requested or created; the upload reads it again and checks for changes.
    const inApi = place.inApi ?? (await certificatesInApi(ports.api, pki))
    await openRootKey(rootSigner, pki)
    await pki.directory.make()
    return await runChange({ ...pki, inApi, rootSigner }, change, ports)
  } finally {
    await rootSigner.close()
  }
}

async function runChange<Command extends ChangeCommand>(
  opened: OpenPki & Pick<ChangeWork, 'inApi' | 'rootSigner'>,
  change: Change<Command>,
  ports: ChangePorts,
): Promise<Changed<Command>> {
  const { directory, root, factory } = opened
  const warnings: string[] = []
  const sent: Sent[] = []
  const steps = followedBy(
    change.prepare,
    upload(change, (one) => sent.push(one)),
    publish(change),
  )
  const { work, facts, resumed } = await runJournalled<Command, ChangeWork>(change.command, change.options, steps, {
    ...ports,
    directory,
    work: async () => changeWork(opened, change, ports, (text) => warnings.push(text)),
    begin: async (work) => {
      await refuseUploadedLeftovers(work)
      await discardStaged(work)
      await change.check?.(opened)
      return beginRecords(directory, work.auditLog, ports.clock())
    },
    keep: (kept) => kept,
    rollBack: {
      isSafe: async (error, failed) => {
        await sealRefusal(error, failed)
        return isUndone(error, change, failed)
      },
      undo: discardStaged,
    },
  })
  await lookAgain(change, work, sent.at(-1))
  return { pki: { directory, root, factory }, facts, resumed, warnings }
}

function changeWork(
  opened: OpenPki & Pick<ChangeWork, 'inApi' | 'rootSigner'>,
  { command }: Pick<Change, 'command'>,
  ports: ChangePorts,
  onWarning: (text: string) => void,
): ChangeWork {
  const { directory, inApi } = opened
  return {
    ...ports,
    ...opened,
    target: { path: directory.path, read: directory.readStaged, create: directory.stage },
    auditLog: openAuditLog(directory, command, ports),
    // Parsed on demand, because there may be many.
    get deviceCas() {
      return deviceCasOf(inApi)
    },
    warn: (text) => {
      onWarning(text)
      ports.progress.warn(text)
    },
  }
}

/** Signs the audit log line of a refusal while the root key is open; if that fails, the next command does. */
async function sealRefusal(error: unknown, { auditLog, rootSigner, directory }: ChangeWork): Promise<void> {
  if (!isRefusal(error)) return
  await rootSigner
    .open()
    .then((signer) => auditLog.seal(signer))
    .then(() => directory.files.flush())
    .catch(() => undefined)
}

/** Was this change interrupted? Throws ERR_UNFINISHED when another command was. */
export async function isInterrupted<Command extends ChangeCommand>(
  { directory }: OpenPki,
  { command, options }: Pick<Change<Command>, 'command' | 'options'>,
): Promise<boolean> {
  return (await resumable(directory, command, options)) !== null
}
