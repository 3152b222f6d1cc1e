import { realpath } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { FpkiError, systemErrorCode } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import type { YamlEdit } from './yaml-text.js'

const MAX_BYTES = 1024 * 1024

/**
 * What a YAML file holds, every scalar as the text that it was written as: a token of digits is no number. null: there is
 * no file, or nothing in it. Throws ERR_BAD_FILE, with the line and never with what stands there; ERR_PERMISSIONS when others can write
 * it, unless a person named it.
 */
export async function readYaml(files: DurableFiles, path: string, isNamed = false): Promise<unknown> {
  // It says where credentials go. One that a person names is that person's to judge, as with ssh and -F.
  if (!isNamed) await files.checkOwnFile(path, true)
  const text = await files.read(path, MAX_BYTES)
  if (text === null || text.trim() === '') return null
  const { parseYaml } = await import('./yaml-text.js')
  return explainYamlErrors(path, () => parseYaml(text))
}

/** Is the file there? */
export async function fileExists(files: DurableFiles, path: string): Promise<boolean> {
  return (await files.read(path, MAX_BYTES)) !== null
}

/**
 * Changes single places of a YAML file, or makes one with mode 0600; comments and all else stay as they are. One at a
 * time: two runs that write new tokens back would take each other's half-written file for theirs. Throws ERR_LOCKED.
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
    `Another fpki is changing ${path}.`,
    'Run the same command again when it has ended.',
  )
}

/** A symbolic link stays one; the file that it leads to is changed. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return path
    throw error
  }
}

/** By its shape: its class is loaded only when there is YAML to read. */
function explainYamlErrors<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Error) || !('line' in error)) throw error
    const where = typeof error.line === 'number' ? ` in line ${error.line}` : ''
    throw new FpkiError('ERR_BAD_FILE', `${path} is broken${where}: it is not the YAML of a configuration.`, MEND)
  }
}

const MEND = 'Mend it, or move it away; fpki changed nothing in it.'

/** A member of a configuration that does not hold. */
export function badMember(path: string, member: string): FpkiError {
  const what = member === '' ? 'it is no list of settings' : `"${member}" is unknown or of the wrong kind`
  return new FpkiError('ERR_BAD_FILE', `${path} is broken: ${what}.`, MEND)
}
