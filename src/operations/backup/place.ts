import { basename, dirname, join } from 'node:path'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import type { DurableFiles } from '../../ports.js'
import { shellWord } from '../../shell-word.js'

/** Throws ERR_EXISTS, ERR_NOT_A_DIRECTORY or ERR_PERMISSIONS unless a PKI can be restored in `directory`, and nothing would be lost. */
export async function refuseTaken(files: DurableFiles, directory: string): Promise<void> {
  await refuseLink(files, directory)
  if ((await files.kindOf(directory)) === null) return files.checkAbove(directory)
  // Says what is wrong with it when it is no directory.
  await files.checkDirectory(directory)
  const names = [...((await files.list(directory)) ?? []), ...(await files.unfinished(directory))]
  if (names.length === 0) return
  // A restore that was killed has ended either before this directory was there, or behind it.
  const hint = names.includes(PKI_FILES.rootCertificate)
    ? `A PKI is in it, which a restore would have put there whole: look at it with \`fpki ca verify ${shellWord(directory)}\`, or name another directory.`
    : 'fpki overwrites nothing: name a directory that is new or empty.'
  throw new FpkiError('ERR_EXISTS', `${directory} is not empty.`, hint)
}

/** What is restored gets its name by rename(2), which would fail at a link when all is done. */
async function refuseLink(files: DurableFiles, directory: string): Promise<void> {
  const [above, name] = [dirname(directory), basename(directory)]
  const real = await files.realPath(directory)
  const isLink =
    real === null
      ? (await files.list(above))?.includes(name) === true
      : real !== join((await files.realPath(above)) ?? '', name)
  if (!isLink) return
  const hint =
    real === null ? 'It leads nowhere: remove it, or name another directory.' : `Name what it leads to: ${real}`
  throw new FpkiError('ERR_NOT_A_DIRECTORY', `${directory} is a symbolic link.`, hint)
}

/** Where a folder is filled before it gets its name. */
export function asideOf(folder: string, name: string): string {
  return join(folder, `.fpki-restore-${name}`)
}
