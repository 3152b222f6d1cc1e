import { counted } from '../../../counted.js'
import type { Job, Line } from '../../../devices/register.js'
import type { PkiDirectory } from '../../../directory/pki-directory.js'
import { FpkiError } from '../../../errors.js'
import type { DeviceBatches } from '../../../issuance/device-batch/model.js'
import { openBatchKey } from '../../../keystore/ca-key.js'
import { type Closers, closeAll } from '../../closers.js'
import { type OpenPki, openPki } from '../../open-pki.js'
import { openDeviceInput } from '../input/open.js'
import type { InputRow } from '../input/row.js'
import { requireLine } from '../lines/require-line.js'
import type { DeviceOutput } from '../model.js'
import { type DeviceIssuer, findDeviceIssuer } from '../open-issuer.js'
import { openRegister, openRegisterToRead } from '../open-register.js'
import { openPkiOutput } from '../output/open-pki-output.js'
import { openRefusedFile, type RefusedFile } from '../output/refused-file.js'
import { recordRegisterHead, type UsedRegister } from '../record-head.js'
import { checkFree, checkInputFits, checkOutput } from './check-options.js'
import { requireOpen } from './issue-batch.js'
import type { IssueCounts, IssueDevicesOptions, IssueDevicesPorts } from './options.js'
import { type BatchRegister, rehearsalKeys, rehearsalRegister } from './rehearsal.js'
import { requireCurrentRegister } from './require-current.js'
import { beginJob, INTERRUPTED_FOR, isRunning } from './running-jobs.js'
import type { IssueBatch, IssueBatchPorts } from './terms.js'

/** A batch of devices whose input, output, register and keys are open. */
export interface OpenBatch {
  readonly rows: AsyncIterable<readonly InputRow[]>
  readonly batch: IssueBatch
  readonly ports: IssueBatchPorts
  readonly refused: RefusedFile | null
  /** How many certificates were abandoned so far: see {@link IssueBatchPorts.onAbandon}. */
  abandoned(): number
  /** Completes the output and the record of the job. */
  finish(counts: IssueCounts): Promise<void>
  /** Records in the audit log how many certificates the register has. A failure is a warning: what was issued is recorded. */
  recordHead(counts: IssueCounts): Promise<void>
  /** Releases everything; after an error or an interruption, it leaves no half output under its final name. */
  close(): Promise<void>
}

/**
 * Opens what `devices issue` needs, from what costs nothing to what asks for a secret, so that a mistake is found before
 * anything is touched. Throws as issueDevices.
 */
export async function openBatch(options: IssueDevicesOptions, ports: IssueDevicesPorts): Promise<OpenBatch> {
  const closers: Closers = []
  const close = () => closeAll(closers)
  try {
    return { ...(await openAll(options, ports, closers)), close }
  } catch (error) {
    // The first error is the cause.
    await close().catch(() => undefined)
    throw error
  }
}

async function openAll(
  options: IssueDevicesOptions,
  ports: IssueDevicesPorts,
  closers: Closers,
): Promise<Omit<OpenBatch, 'close'>> {
  const { clock, progress, signal } = ports
  await checkOutput(options, ports.files)
  await checkFree(options, ports.files)
  const pki = await openPki(ports.files, options.directory, options.factory)
  const line = await lineOf(pki, options, ports)
  requireOpen({ directory: options.directory, line }, clock())
  const issuer = await findDeviceIssuer(pki, { file: options.ca, bound: line.ca }, clock())
  const { inputFiles: files, stdin, isStdinTerminal, onRead } = ports
  const input = await openDeviceInput(options.input, { files, stdin, isStdinTerminal, progress, signal, onRead })
  closers.push(input.close)
  checkInputFits(input, options)
  const batches = await openBatches(pki, issuer, options, ports, closers)
  const register = await registerOf(options, ports)
  closers.push(register.close)
  const output = await outputOf(pki, issuer, options, ports)
  let isFinished = false
  closers.push(async () => (isFinished ? undefined : output?.stop()))
  const refused = options.refusedFile === null ? null : await openRefusedFile(options.refusedFile, ports.batchFiles)
  closers.push(async () => refused?.finish())
  const startedAt = clock().getTime()
  const interruptedSince = await interruptedJob(register, line, startedAt, (job) =>
    isRunning(options, job, ports.files),
  )
  const job = options.dryRun
    ? null
    : await beginJob(register, { choice: options, line: line.name, at: startedAt }, ports.files)
  closers.push(async () => job?.release())
  const { onAbandon, abandoned } = abandonedCount(options, progress)
  return {
    rows: input.rows,
    batch: { ...options, announce: false, factory: pki.factory, issuer, line, startedAt, interruptedSince },
    ports: { clock, progress, signal, register, batches, output, onAbandon },
    ...{ refused, abandoned },
    finish: async (counts) => {
      await output?.finish()
      isFinished = true
      if (job !== null) await register.jobs.finish(job.id, clock().getTime(), counts)
    },
    recordHead: async ({ issued }) => {
      if (options.dryRun || issued === 0) return
      await recordHead(
        pki.directory,
        { register, store: options.store },
        `${counted(issued, 'device')} issued by the line ${line.name}`,
        ports,
      )
    },
  }
}

/** Counts abandoned certificates, and warns before the first: the keys may be in the folder of the interrupted batch. */
function abandonedCount({ output, dryRun }: IssueDevicesOptions, progress: IssueDevicesPorts['progress']) {
  let count = 0
  const folder = output?.target.kind === 'folder' ? output.target.path : 'the output'
  const text = `Keys of devices from an interrupted batch are not in ${folder}: these devices ${dryRun ? 'would get' : 'get'} new keys, and their earlier certificates ${dryRun ? 'would be' : 'are'} marked abandoned. If the keys are in another folder, run the batch with that one.`
  return {
    abandoned: () => count,
    onAbandon: (more: number) => {
      if (count === 0) progress.warn(text)
      count += more
    },
  }
}

async function recordHead(
  directory: PkiDirectory,
  used: UsedRegister,
  text: string,
  { clock, who, progress }: IssueDevicesPorts,
): Promise<void> {
  try {
    await recordRegisterHead(directory, 'devices issue', { clock, who }, used, text)
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    progress.warn(`The devices are not in the audit log: ${error.message}`)
  }
}

async function registerOf(options: IssueDevicesOptions, ports: IssueDevicesPorts): Promise<BatchRegister> {
  if (!options.dryRun) return openRegister(options, ports)
  return (await openRegisterToRead(options, ports)) ?? rehearsalRegister()
}

/**
 * The line, from a register that is current and only read: a mistake that is found later must not leave a new register
 * behind.
 */
async function lineOf({ directory }: OpenPki, options: IssueDevicesOptions, ports: IssueDevicesPorts): Promise<Line> {
  const register = await openRegisterToRead(options, ports)
  try {
    await requireCurrentRegister(directory, register, options)
    return await requireLine(register ?? rehearsalRegister(), { ...options, name: options.line })
  } finally {
    await register?.close()
  }
}

async function openBatches(
  { directory, factory }: OpenPki,
  { ca, key }: DeviceIssuer,
  { hsmSessions }: IssueDevicesOptions,
  ports: IssueDevicesPorts,
  closers: Closers,
): Promise<DeviceBatches> {
  const choice = { directory, key, certified: ca.spki, sessions: hsmSessions }
  const opened = await openBatchKey(choice, ports.access)
  closers.push(opened.close)
  const batches = ports.newBatches({ factory, ca, key: opened.key })
  closers.push(batches.close)
  return batches
}

/** The output of a batch; null: none, or it is a rehearsal, which only looks at keys. */
async function outputOf(
  pki: OpenPki,
  { ca }: DeviceIssuer,
  options: IssueDevicesOptions,
  { files, inputFiles, batchFiles: batches, stdout }: IssueDevicesPorts,
): Promise<DeviceOutput | null> {
  const { output, dryRun, makeKeys: makesKeys, gateway, ostree } = options
  const folder = output?.target.kind === 'folder' ? output.target.path : null
  if (dryRun && makesKeys && folder !== null) return rehearsalKeys(folder, inputFiles)
  if (output === null || dryRun) return null
  return openPkiOutput(pki, ca, { ...output, gateway, ostree, makesKeys }, { files, batches, stdout })
}

/**
 * When the oldest interrupted job of a line began; null: none, or one is running, whose keys are in its output. A
 * later job that came to its end has finished it, as far as the register knows.
 */
async function interruptedJob(
  { jobs }: BatchRegister,
  line: Line,
  now: number,
  isRunning: (job: Job) => Promise<boolean>,
): Promise<number | null> {
  const own = (await jobs.list(1000)).filter((job) => job.line === line.name)
  const finished = own.findIndex(({ finishedAt }) => finishedAt !== null)
  const later = finished < 0 ? own : own.slice(0, finished)
  const open = later.filter(({ startedAt }) => now - startedAt < INTERRUPTED_FOR)
  for (const job of open) if (await isRunning(job)) return null
  return open.reduce<number | null>((oldest, { startedAt }) => Math.min(oldest ?? startedAt, startedAt), null)
}
