import { realpath } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { FpkiError, systemErrorCode } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import type { YamlEdit } from './yaml-text.js'

const MAX_BYTES = 1024 * 1024

/**
 * Parses a YAML file with every scalar as a string, because a token may consist of digits; null when it does not exist or is
 * empty. Throws ERR_BAD_FILE with the line but not its content; ERR_PERMISSIONS when others can write the file, unless the
 * user named it.
 */
export async function readYaml(files: DurableFiles, path: string, isNamed = false): Promise<unknown> {
  // It determines where credentials are sent. A file that the user names is trusted, as with ssh -F.
  if (!isNamed) await files.checkOwnFile(path, true)
  const text = await files.read(path, MAX_BYTES)
  if (text === null || text.trim() === '') return null
  const { parseYaml } = await import('./yaml-text.js')
  return explainYamlErrors(path, () => parseYaml(text))
}

/** Whether the file exists. */
export async function fileExists(files: DurableFiles, path: string): Promise<boolean> {
  return (await files.read(path, MAX_BYTES)) !== null
}

/**
 * Edits a YAML file in place, keeping comments, or creates it with mode 0600. Holds a lock, because two runs may save new
 * tokens at the same time. Throws ERR_LOCKED.
 */
export async function editYaml(files: DurableFiles, path: string, edits: readonly YamlEdit[]): Promise<void> {
  const { changeYaml } = await import('./yaml-text.js')
  const real = await realPathOf(path)
  const lock = await lockFor(files, real)
  try {
    const text = (await files.read(real, MAX_BYTES)) ?? ''
    const changed = explainYamlErrors(path, () => changeYaml(text, edits))
    await files.replace(real, changed, 0o600)
  } finally {
    await lock.release()
  }
}

/** A change takes milliseconds. */
const LOCK_TRIES = 200
const LOCK_WAIT_MILLISECONDS = 25

async function lockFor(files: DurableFiles, path: string) {
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    const lock = await files.lock(`${path}.fpki-lock`)
    if (lock !== null) return lock
    await delay(LOCK_WAIT_MILLISECONDS)
  }
  throw new FpkiError(
    'ERR_LOCKED',
    `Another fpki process is changing ${path}.`,
    'Wait for it to finish, then run the same command again.',
  )
}

/** Resolves a symbolic link, so that its target is changed. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return path
    throw error
  }
}

/** Converts BadYaml errors, recognized by their shape because the class is loaded on demand. */
function explainYamlErrors<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Error) || !('line' in error)) throw error
    const where = typeof error.line === 'number' ? ` (line ${error.line})` : ''
    throw new FpkiError('ERR_BAD_FILE', `${path} is not a valid YAML configuration${where}.`, REPAIR)
  }
}

const REPAIR = 'Correct the file, or move it away. fpki did not change it.'

/** The error for an invalid member of a configuration. */
export function badMember(path: string, member: string): FpkiError {
  const problem = member === '' ? 'it is not a mapping of settings' : `"${member}" is unknown or has the wrong type`
  return new FpkiError('ERR_BAD_FILE', `${path} is not a valid configuration: ${problem}.`, REPAIR)
}
