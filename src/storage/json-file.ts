import type * as z from 'zod/mini'
import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'

const MAX_JSON_BYTES = 16 * 1024 * 1024

/**
 * The content of a JSON file that fpki wrote, parsed by `schema`; null when there is none. Throws ERR_BAD_FILE, which
 * names the member that does not hold.
 */
export async function readJsonFile<T>(files: DurableFiles, path: string, schema: z.ZodMiniType<T>): Promise<T | null> {
  const text = await readJsonFileText(files, path)
  return text === null ? null : readJsonText(text, path, schema)
}

/** The content of such a file by its text. Throws as {@link readJsonFile}. */
export function readJsonText<T>(text: string, path: string, schema: z.ZodMiniType<T>): T {
  const parsed = schema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw badJson(path, parsed.error.issues[0]?.path ?? [])
}

/** The error for a JSON file that fpki did not write so: the member that is wrong, or empty for all of it. */
export function badJson(path: string, member: readonly PropertyKey[]): FpkiError {
  const reason = member.length === 0 ? 'it is not the JSON that fpki wrote' : `"${member.join('.')}" is wrong`
  return new FpkiError(
    'ERR_BAD_FILE',
    `${path} is broken: ${reason}.`,
    'Nothing was changed; put the file back from a backup.',
  )
}

/** The text of a JSON file; null when there is none. */
export function readJsonFileText(files: DurableFiles, path: string): Promise<string | null> {
  return files.read(path, MAX_JSON_BYTES)
}

/** Puts a JSON file in its place, whole and durably, with mode 0600. */
export async function writeJsonFile(files: DurableFiles, path: string, content: unknown): Promise<void> {
  await files.replace(path, `${JSON.stringify(content, null, 2)}\n`, 0o600)
}

/** What `text` says; undefined when it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
