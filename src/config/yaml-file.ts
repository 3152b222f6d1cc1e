import { realpath } from 'node:fs/promises'
import { FpkiError, systemErrorCode } from '../errors.js'
import type { DurableFiles } from '../ports.js'

const MAX_BYTES = 1024 * 1024

/** A place in a YAML file and what is to stand there; null: nothing. */
export type YamlEdit = readonly [path: readonly string[], value: string | number | null]

/**
 * What a YAML file holds, every scalar as the text that it was written as: a token of digits is no number. null: there is
 * no file, or nothing in it. Throws ERR_BAD_FILE, with the line and never with what stands there.
 */
export async function readYaml(files: DurableFiles, path: string): Promise<unknown> {
  const text = await files.read(path, MAX_BYTES)
  if (text === null || text.trim() === '') return null
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, { schema: 'failsafe', strict: true, logLevel: 'silent' })
  const [error] = document.errors
  if (error !== undefined) throw badYaml(path, error.linePos?.[0].line)
  return orBroken(path, () => document.toJS())
}

/** Is the file there? */
export async function isThere(files: DurableFiles, path: string): Promise<boolean> {
  return (await files.read(path, MAX_BYTES)) !== null
}

/** Changes single places of a YAML file, or makes one with mode 0600; comments and all else stay as they are. */
export async function editYaml(files: DurableFiles, path: string, edits: readonly YamlEdit[]): Promise<void> {
  const { parseDocument } = await import('yaml')
  const real = await realPathOf(path)
  const document = parseDocument((await files.read(real, MAX_BYTES)) ?? '', { logLevel: 'silent' })
  const [error] = document.errors
  if (error !== undefined) throw badYaml(path, error.linePos?.[0].line)
  for (const [place, value] of edits) {
    if (value === null) document.deleteIn(place)
    else orBroken(path, () => document.setIn(place, value))
  }
  await files.replace(real, document.toString({ lineWidth: 0 }), 0o600)
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

/** The library refuses what grows without bounds, and places below what is no map. */
function orBroken<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch {
    throw badYaml(path, undefined)
  }
}

function badYaml(path: string, line: number | undefined): FpkiError {
  const where = line === undefined ? '' : ` in line ${line}`
  return new FpkiError('ERR_BAD_FILE', `${path} is broken${where}: it is not the YAML of a configuration.`, MEND)
}

const MEND = 'Mend it, or move it away; fpki changed nothing in it.'

/** A member of a configuration that does not hold. */
export function badMember(path: string, member: string): FpkiError {
  const what = member === '' ? 'it is no list of settings' : `"${member}" is unknown or of the wrong kind`
  return new FpkiError('ERR_BAD_FILE', `${path} is broken: ${what}.`, MEND)
}
