import { basename, dirname, join } from 'node:path'
import { DAY } from '../../../day.js'
import type { Job } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import type { DurableFiles, FileLock } from '../../../ports.js'
import { type RegisterChoice, registerPlace } from '../open-register.js'
import type { BatchRegister } from './rehearsal.js'

type Files = Pick<DurableFiles, 'lock' | 'isLocked' | 'kindOf' | 'list' | 'remove'>

/** A job that the register has begun, which others see is running. */
export interface RunningJob {
  readonly id: number
  /** Its lock ends, at the latest with its process. */
  release(): Promise<void>
}

/** Jobs that are older are taken to be over, whatever the register says. */
export const INTERRUPTED_FOR = 7 * DAY

/** More than start within a few milliseconds. */
const ATTEMPTS = 1000

/**
 * Begins a job, with a lock beside the register that tells a job that runs from one that was killed: the keys of a running
 * one are in its output.
 *
 * @throws FpkiError ERR_LOCKED, ERR_STORAGE, and as the register
 */
export async function beginJob(
  { jobs }: Pick<BatchRegister, 'jobs'>,
  { choice, line, at }: { readonly choice: RegisterChoice; readonly line: string; readonly at: number },
  files: Files,
): Promise<RunningJob> {
  await sweep(choice, at, files)
  for (let startedAt = at; startedAt < at + ATTEMPTS; startedAt++) {
    const path = lockPath(choice, startedAt)
    const lock = await files.lock(path)
    if (lock === null) continue
    const release = () => removeLocked(path, lock, files)
    // Another process may have swept it before it was locked.
    if ((await files.kindOf(path)) === null) {
      await lock.release()
      continue
    }
    try {
      return { id: await jobs.begin(line, startedAt), release }
    } catch (error) {
      await release().catch(() => undefined)
      throw error
    }
  }
  throw new FpkiError('ERR_LOCKED', 'Too many jobs start at the same time.', 'Run the same command again.')
}

/**
 * Whether the process of a job that is not finished is still running. In a database server, the jobs of other machines are
 * taken to be running: nothing here tells them from those that were killed.
 */
export async function isRunning(
  choice: RegisterChoice,
  { startedAt }: Pick<Job, 'startedAt'>,
  files: Files,
): Promise<boolean> {
  const path = lockPath(choice, startedAt)
  if (isShared(choice) && (await files.kindOf(path)) === null) return true
  return files.isLocked(path)
}

/** Whether other machines use the same register. */
function isShared(choice: RegisterChoice): boolean {
  return 'url' in registerPlace(choice)
}

/** Removes the locks of killed jobs. Those in a shared register say for a week whose jobs they were. */
async function sweep(choice: RegisterChoice, at: number, files: Files): Promise<void> {
  const path = lockPrefix(choice)
  const names = (await files.list(dirname(path))) ?? []
  for (const name of names) {
    const [, startedAt] = name.startsWith(basename(path)) ? (/-job-(\d+)\.lock$/.exec(name) ?? []) : []
    if (startedAt === undefined || (isShared(choice) && at - Number(startedAt) < INTERRUPTED_FOR)) continue
    const leftover = join(dirname(path), name)
    const lock = await files.lock(leftover)
    if (lock !== null) await removeLocked(leftover, lock, files)
  }
}

/** The name goes first: until then, nobody else locks the file. */
async function removeLocked(path: string, lock: FileLock, files: Files): Promise<void> {
  try {
    await files.remove(path)
  } finally {
    await lock.release()
  }
}

/** Beside the file of the register, or in the directory. */
function lockPrefix(choice: RegisterChoice): string {
  const place = registerPlace(choice)
  return 'path' in place ? place.path : join(choice.directory, 'devices')
}

function lockPath(choice: RegisterChoice, startedAt: number): string {
  return `${lockPrefix(choice)}-job-${startedAt}.lock`
}
