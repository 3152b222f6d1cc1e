import { dirname } from 'node:path'
import { FpkiError } from '../../../errors.js'
import type { BatchFiles, DurableFiles } from '../../../ports.js'

/** Ports of files that gateways read. */
export interface ListFilePorts {
  readonly files: Pick<DurableFiles, 'openToRead' | 'kindOf'>
  readonly batches: Pick<BatchFiles, 'openFile'>
}

/** A file that a gateway reads, and what it has. */
export interface ListFile {
  readonly path: string
  /** Whether an earlier file begins as such a file does; anything else is not overwritten. */
  isSuch(head: Buffer): boolean
  /** What it is, for messages: `a CRL`. */
  readonly what: string
  readonly option: 'nginxMap' | 'crl'
}

/** Other users read it: there is no secret in it. */
const MODE = 0o644
const HEAD = 256
const MAX_BYTES = 1024 ** 3

/**
 * Throws ERR_BAD_FILE when there is no folder for the file, and ERR_EXISTS when something else has its name: the path may be a
 * slip, such as that of a certificate.
 */
export async function checkListFile(
  { path, isSuch, what, option }: ListFile,
  { files }: Pick<ListFilePorts, 'files'>,
): Promise<void> {
  if ((await files.kindOf(dirname(path))) !== 'directory')
    throw new FpkiError('ERR_BAD_FILE', `Cannot write ${path}: its folder does not exist.`, 'Create the folder.', {
      option,
    })
  const kind = await files.kindOf(path)
  if (kind === null) return
  if (kind === 'directory')
    throw new FpkiError('ERR_BAD_FILE', `Cannot write ${path}: it is a folder.`, 'Name a file in the folder.', {
      option,
    })
  const file = kind === 'file' ? await files.openToRead(path, MAX_BYTES) : null
  try {
    const head = file === null ? null : Buffer.from(await file.read(0, HEAD))
    if (head !== null && (head.length === 0 || isSuch(head))) return
  } finally {
    await file?.close()
  }
  throw new FpkiError(
    'ERR_EXISTS',
    `Refusing to overwrite ${path}: it is not ${what}.`,
    'Nothing was changed. Choose another file, or move this one away.',
    { option },
  )
}

/** Writes a file that replaces an earlier one atomically when it is complete. */
export async function writeListFile(
  { path }: Pick<ListFile, 'path'>,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { batches }: Pick<ListFilePorts, 'batches'>,
): Promise<void> {
  const file = await batches.openFile(path, MODE, 'replace')
  try {
    for await (const octets of content) await file.write(octets)
    await file.finish()
  } catch (error) {
    await file.stop().catch(() => undefined)
    throw error
  }
}
