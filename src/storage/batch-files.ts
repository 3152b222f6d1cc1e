import { basename, dirname, join } from 'node:path'
import type { BatchFiles, FileSystem, Random } from '../ports.js'
import { MANY } from './batch-writes.js'
import { folderBatch } from './folder-batch.js'
import { fileExists } from './move-files.js'
import { openStaging } from './staging.js'
import { streamedFile } from './streamed-file.js'
import { explainSystemErrors } from './system-errors.js'

/**
 * Batches on a file system whose syncs may run in parallel. System errors become {@link FpkiError}s.
 *
 * @param many see {@link durableWrites}
 */
export function batchFiles(fs: FileSystem, random: Pick<Random, 'bytes'>, many: number = MANY): BatchFiles {
  return {
    openFolders: (directory) =>
      explainSystemErrors(directory, async () =>
        folderBatch(fs, directory, await openStaging(fs, join(directory, '.batch'), random), many),
      ),
    openFile: (path, mode, existing) =>
      explainSystemErrors(path, async () => {
        const staging = await openStaging(fs, join(dirname(path), `.${basename(path)}`), random)
        if (existing === 'refuse' && (await fs.stat(path)) !== null) {
          await staging.close()
          throw fileExists(path)
        }
        const staged = join(staging.path, 'content')
        const file = await fs.createFile(staged, mode)
        return streamedFile(fs, { path, staged, existing, file, staging })
      }),
  }
}
