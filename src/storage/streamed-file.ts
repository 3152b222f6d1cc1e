import type { FileSystem, NewFile } from '../ports.js'
import type { StreamedFile } from './batch-ports.js'
import { keep, linkNew } from './move-files.js'
import type { Staging } from './staging.js'
import { explainSystemErrors } from './system-errors.js'

interface Streaming {
  readonly path: string
  /** Where it is written. */
  readonly staged: string
  readonly existing: 'refuse' | 'keep' | 'replace'
  readonly file: NewFile
  readonly staging: Staging
}

/** See {@link StreamedFile}. */
export function streamedFile(fs: FileSystem, { path, staged, existing, file, staging }: Streaming): StreamedFile {
  return {
    write: (content) => explainSystemErrors(path, () => file.write(content)),
    finish: () =>
      explainSystemErrors(path, async () => {
        await file.sync()
        await file.close()
        if (existing === 'replace') {
          await fs.rename(staged, path)
          return staging.close()
        }
        await (existing === 'keep' ? replaceKept : linkNew)(fs, staged, path)
        await closeAfter(fs, path, staging)
      }),
    stop: async () => {
      await file.close().catch(() => undefined)
      await explainSystemErrors(path, () => staging.close())
    },
  }
}

async function replaceKept(fs: FileSystem, from: string, to: string): Promise<void> {
  if ((await fs.stat(to)) !== null) await keep(fs, to)
  await fs.rename(from, to)
}

/** Makes the new name durable, together with the end of the staging folder beside it. */
async function closeAfter(fs: FileSystem, path: string, staging: Staging): Promise<void> {
  try {
    await staging.close()
  } catch (error) {
    // The caller sees an error, so the file must not be in the way of the next attempt.
    await fs.remove(path).catch(() => undefined)
    throw error
  }
}
