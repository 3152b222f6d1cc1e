import { join } from 'node:path'
import { copyDeviceRegister, openDeviceRegister, type RegisterPorts } from '../../devices/open.js'
import { DEVICE_REGISTER } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { shellWord } from '../../shell-word.js'
import type { ArchiveEntry } from '../../storage/archive.js'
import { UNFINISHED } from '../../storage/folders.js'
import { ARCHIVE, type BackupManifest } from './manifest.js'

/**
 * The largest device register in a backup, of which several copies are in memory: about 200,000 devices.
 */
export const MAX_REGISTER_BYTES = 256 * 1024 * 1024

const MODE = 0o600

/** The device register, for a backup. */
interface CollectedRegister {
  /** One entry, or none. */
  readonly entries: readonly ArchiveEntry[]
  readonly facts: BackupManifest['devices']
  /** That it was left out, as a sentence. */
  readonly notes: readonly string[]
}

/**
 * Reads a consistent copy of the device register of a directory, while others may be writing to it.
 *
 * @throws FpkiError as openDeviceRegister does; ERR_BAD_FILE when the register is too large
 */
export async function collectRegister(
  directory: string,
  isIncluded: boolean,
  ports: RegisterPorts,
  maxBytes = MAX_REGISTER_BYTES,
): Promise<CollectedRegister> {
  const path = join(directory, DEVICE_REGISTER)
  if ((await ports.files.kindOf(path)) === null) return { entries: [], facts: null, notes: [] }
  try {
    return await collectFrom({ directory, path, maxBytes }, isIncluded, ports)
  } catch (error) {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_STORE_MOVED') throw error
    return { entries: [], facts: null, notes: [`${error.message} Back up that one, too.`] }
  }
}

async function collectFrom(
  { directory, path, maxBytes }: { readonly directory: string; readonly path: string; readonly maxBytes: number },
  isIncluded: boolean,
  ports: RegisterPorts,
): Promise<CollectedRegister> {
  const certificates = await countOf(path, ports)
  if (isIncluded) return readCopy(directory, path, maxBytes, ports)
  const notes = [`The device register ${DEVICE_REGISTER} (${certificates} certificates) was left out as requested.`]
  return { entries: [], facts: { certificates, included: false }, notes }
}

async function readCopy(
  directory: string,
  path: string,
  maxBytes: number,
  ports: RegisterPorts,
): Promise<CollectedRegister> {
  const { files } = ports
  // Whoever has the lock next removes it, should this process be killed.
  const copy = join(directory, `.${DEVICE_REGISTER}.backup${UNFINISHED}`)
  await files.remove(copy)
  try {
    await copyDeviceRegister({ path, to: copy }, ports)
    const content = (await files.readOctets(copy, maxBytes).catch(tooLarge(directory, maxBytes))) ?? new Uint8Array()
    const facts = { certificates: await countOf(copy, ports), included: true }
    return {
      entries: [{ path: `${ARCHIVE.pki}/${DEVICE_REGISTER}`, kind: 'file', mode: MODE, content }],
      facts,
      notes: [],
    }
  } finally {
    await files.remove(copy)
  }
}

async function countOf(path: string, ports: RegisterPorts): Promise<number> {
  const register = await openDeviceRegister({ path, create: false }, ports)
  try {
    return (await register.head()).certificates
  } finally {
    await register.close()
  }
}

function tooLarge(directory: string, maxBytes: number): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_BAD_FILE') throw error
    const [word, mebibytes] = [shellWord(directory), Math.floor(maxBytes / 1024 / 1024)]
    throw new FpkiError(
      'ERR_BAD_FILE',
      `The device register of ${directory} is larger than ${mebibytes} MiB, too large for a backup in memory.`,
      `Leave it out, and save the certificates with \`fpki devices export ${word} --out FILE\`.`,
      { option: 'withDevices' },
    )
  }
}
