import type { PkiDirectory } from '../directory/pki-directory.js'
import { FpkiError } from '../errors.js'

/** Whether a command failed before a step began, so that it can be rolled back. A user abort is resumed, not rolled back. */
export async function failedBefore(
  step: string,
  error: unknown,
  { directory, signal }: { readonly directory: PkiDirectory; readonly signal: AbortSignal },
): Promise<boolean> {
  if (signal.aborted || !(error instanceof FpkiError)) return false
  const journal = await directory.readJournal().catch(() => null)
  return journal?.steps.find(({ name }) => name === step)?.state === 'pending'
}
