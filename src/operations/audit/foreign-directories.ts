import { whyForeignDirectory } from '../../directory/owned.js'
import type { DurableFiles } from '../../ports.js'

/** A warning for each of these directories that is not the user's alone. Unreadable ones are omitted. */
export async function foreignDirectories(files: DurableFiles, paths: readonly string[]): Promise<readonly string[]> {
  const reasons = await Promise.all(paths.map((path) => reasonOf(files, path).catch(() => null)))
  return reasons.flatMap((reason, at) =>
    reason === null
      ? []
      : [`${paths[at]} is not yours alone: ${reason}. fpki shows what it records, and does not act on it.`],
  )
}

async function reasonOf(files: DurableFiles, path: string): Promise<string | null> {
  return (await files.kindOf(path)) === 'directory' ? whyForeignDirectory(files, path) : null
}
