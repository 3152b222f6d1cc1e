import { whyForeignDirectory } from '../../directory/owned.js'
import type { DurableFiles } from '../../ports.js'

/** Which of these are directories that are not the user's alone: a sentence each. What cannot be looked at is left out. */
export async function foreignDirectories(files: DurableFiles, paths: readonly string[]): Promise<readonly string[]> {
  const reasons = await Promise.all(paths.map((path) => reasonOf(files, path).catch(() => null)))
  return reasons.flatMap((reason, at) =>
    reason === null ? [] : [`${paths[at]} is not yours alone: ${reason}. What it records is shown, and not acted on.`],
  )
}

async function reasonOf(files: DurableFiles, path: string): Promise<string | null> {
  return (await files.kindOf(path)) === 'directory' ? whyForeignDirectory(files, path) : null
}
