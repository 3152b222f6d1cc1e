import { type InspectedDirectory, inspectDirectory, isBusy } from '../../directory/inspect.js'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import type { DurableFiles } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { completionHint } from './verify/incomplete.js'

/** The interrupted command of a directory; null: none, or it is still running. */
export async function interruptedIn(files: DurableFiles, directory: InspectedDirectory): Promise<string | null> {
  const { path } = directory
  if (openCommand(directory) === null || (await isBusy(files, path))) return null
  // It may have finished since the directory was read.
  return openCommand(await inspectDirectory(files, path))
}

/** Required files that are missing. Throws ERR_NOT_INITIALIZED when the directory has no PKI, and none is being created. */
export function missingFiles(
  directory: InspectedDirectory,
): readonly { readonly file: string; readonly error: FpkiError }[] {
  const { rootCertificate, tlsCertificate } = PKI_FILES
  const missing = [rootCertificate, tlsCertificate].filter((name) => !directory.names.includes(name))
  const command = openCommand(directory)
  if (command === null && (missing as readonly string[]).includes(rootCertificate)) throw noPki(directory)
  return missing.map((file) => ({ file, error: missingFile(directory, file, command) }))
}

function openCommand({ journal }: InspectedDirectory): string | null {
  return journal !== null && journal.finishedAt === null ? journal.command : null
}

function missingFile({ path }: InspectedDirectory, file: string, command: string | null): FpkiError {
  return command === null
    ? new FpkiError(
        'ERR_BAD_FILE',
        `${path} has no ${file}.`,
        `Restore it from a backup, or from the output of \`fpki ca show ${shellWord(path)} --just-tls\`.`,
      )
    : new FpkiError(
        'ERR_UNFINISHED',
        `${path} has no ${file}: \`fpki ${command}\` has not finished.`,
        `If it is not running, finish it with \`fpki ca resume ${shellWord(path)}\`.`,
      )
}

function noPki(directory: InspectedDirectory): FpkiError {
  const hint = completionHint(directory) ?? 'Pass a PKI directory, or restore the file from a backup.'
  return new FpkiError('ERR_NOT_INITIALIZED', `${directory.path} has no ${PKI_FILES.rootCertificate}.`, hint)
}
