import type * as z from 'zod/mini'
import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'

const MAX_JSON_BYTES = 16 * 1024 * 1024

/**
 * Reads a JSON file written by fpki; null when it does not exist. Throws ERR_BAD_FILE, naming the invalid member.
 */
export async function readJsonFile<T>(files: DurableFiles, path: string, schema: z.ZodMiniType<T>): Promise<T | null> {
  const text = await readJsonFileText(files, path)
  return text === null ? null : readJsonText(text, path, schema)
}

/** Parses the text of such a file. Throws like {@link readJsonFile}. */
export function readJsonText<T>(text: string, path: string, schema: z.ZodMiniType<T>): T {
  const parsed = schema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw badJson(path, parsed.error.issues[0]?.path ?? [])
}

/** The error for a JSON file that fpki did not write so: the member that is wrong, or empty for all of it. */
export function badJson(path: string, member: readonly PropertyKey[]): FpkiError {
  const reason = member.length === 0 ? 'not JSON written by fpki' : `"${member.join('.')}" is invalid`
  return new FpkiError(
    'ERR_BAD_FILE',
    `${path} is damaged: ${reason}.`,
    'Nothing was changed. Restore the file from a backup.',
  )
}

/** The text of a JSON file; null when it does not exist. */
export function readJsonFileText(files: DurableFiles, path: string): Promise<string | null> {
  return files.read(path, MAX_JSON_BYTES)
}

/** Writes a JSON file atomically and durably, with mode 0600. */
export async function writeJsonFile(files: DurableFiles, path: string, content: unknown): Promise<void> {
  await files.replace(path, `${JSON.stringify(content, null, 2)}\n`, 0o600)
}

/** Whether a value of parsed JSON is an object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Parses JSON; undefined when it is invalid. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
