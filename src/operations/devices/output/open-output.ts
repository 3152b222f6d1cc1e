import { join } from 'node:path'
import { FpkiError } from '../../../errors.js'
import type { FileBatch } from '../../../ports.js'
import { checkAbsolute } from '../../../storage/absolute-path.js'
import type { DeviceOutput } from '../model.js'
import { streamFormat } from './formats.js'
import { keyFolders } from './key-folders.js'
import { badFormat } from './plan.js'
import type { DeviceOutputOptions, DeviceOutputPorts } from './settings.js'
import { sotaFolders } from './sota-folders.js'
import { fileOutput, stdoutOutput } from './stream-output.js'

/** Public, like the certificates in it. */
const FILE_MODE = 0o644

/** Held while keys are made in a folder. */
const KEYS_LOCK = '.keys.lock'
const LOCK_SECONDS = 60

/**
 * Opens the output of a batch of devices. Everything that can be wrong with it is found here, before anything is issued.
 *
 * @throws FpkiError ERR_USAGE when format and target do not go together, or there is no place for keys; ERR_EXISTS when the
 *   file exists; ERR_NOT_A_DIRECTORY, ERR_PERMISSIONS when the folder is a file, or others can write to it; ERR_LOCKED when
 *   another process makes keys in it; ERR_STORAGE
 */
export async function openDeviceOutput(options: DeviceOutputOptions, ports: DeviceOutputPorts): Promise<DeviceOutput> {
  const { target, format, device, makesKeys } = options
  if (target.kind === 'folder') {
    if (format === 'sota') return openFolders({ path: target.path, device, makesKeys }, ports)
    throw badFormat(`The format ${format} is a file, not a folder.`, 'Use a file, or the format sota.')
  }
  if (format === 'sota') throw badFormat('The format sota is a folder.', 'Use a folder, or the format tar.')
  if (makesKeys)
    throw badFormat(
      `Keys of devices cannot be written in the format ${format}.`,
      'Use the format sota: each device gets a folder, with its key in it.',
    )
  const stream = streamFormat(format, device)
  if (target.kind === 'stdout') return stdoutOutput(ports.stdout, stream)
  checkAbsolute(target.path, 'output file', 'out')
  return fileOutput(await ports.batches.openFile(target.path, FILE_MODE, 'refuse'), stream)
}

async function openFolders(
  { path, device, makesKeys }: Pick<DeviceOutputOptions, 'device' | 'makesKeys'> & { readonly path: string },
  { files, batches }: DeviceOutputPorts,
): Promise<DeviceOutput> {
  checkAbsolute(path, 'output folder', 'out')
  await files.makeDirectory(path)
  await files.checkDirectory(path)
  const lock = makesKeys ? await files.lock(join(path, KEYS_LOCK), LOCK_SECONDS) : null
  if (makesKeys && lock === null)
    throw new FpkiError(
      'ERR_LOCKED',
      `Another fpki makes keys in ${path}.`,
      'Wait until it has ended, or use another output folder.',
      { option: 'out' },
    )
  const release = async () => {
    await lock?.release()
  }
  try {
    const batch = await batches.openFolders(path)
    const keys = makesKeys ? keyFolders(batch, path, files) : null
    return sotaFolders(batch, device, { keys, close: () => closeAll(batch, release) })
  } catch (error) {
    await release()
    throw error
  }
}

async function closeAll(batch: FileBatch, release: () => Promise<void>): Promise<void> {
  try {
    await batch.close()
  } finally {
    await release()
  }
}
