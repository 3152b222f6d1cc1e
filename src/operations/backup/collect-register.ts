import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { loggedRegisterIfReadable } from '../../audit-log/logged-register.js'
import { counted } from '../../counted.js'
import { copyDeviceRegister, openDeviceRegister, type RegisterPorts } from '../../devices/open.js'
import { DEVICE_REGISTER } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { piecesOf } from '../../pieces.js'
import type { DurableFiles } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import type { LargeEntry } from '../../storage/archive.js'
import { UNFINISHED } from '../../storage/folders.js'
import { abortableFile } from '../../storage/readable-file.js'
import { type BackupManifest, REGISTER_PATH } from './manifest.js'
import { MAX_REGISTER_BYTES } from './sizes.js'

const MODE = 0o600

/** The device register, for a backup. */
interface CollectedRegister {
  /** Null: it is not in the backup. Its content is that of the copy, until {@link removeRegisterCopy}. */
  readonly entry: LargeEntry | null
  readonly facts: BackupManifest['devices']
  /** That it was left out, as a sentence. */
  readonly notes: readonly string[]
}

/** Ports of {@link collectRegister}; `signal` aborts reading the copy. */
export interface CopyPorts extends RegisterPorts {
  readonly signal?: AbortSignal
}

/**
 * Makes a consistent copy of the device register of a directory beside it, while others may be writing to it. The caller
 * removes it with {@link removeRegisterCopy}, also after an error.
 *
 * @throws FpkiError as openDeviceRegister does; ERR_BAD_FILE when the register is too large; the reason of the signal
 */
export async function collectRegister(
  directory: string,
  isIncluded: boolean,
  ports: CopyPorts,
  maxBytes = MAX_REGISTER_BYTES,
): Promise<CollectedRegister> {
  const path = join(directory, DEVICE_REGISTER)
  if ((await ports.files.kindOf(path)) === null)
    return { entry: null, facts: null, notes: await elsewhere(directory, ports) }
  try {
    return await collectFrom({ directory, path, maxBytes }, isIncluded, ports)
  } catch (error) {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_STORE_MOVED') throw error
    return { entry: null, facts: null, notes: [`${error.message} Back up that one, too.`] }
  }
}

/** A note when the register is not in the directory, and so not in the backup. */
async function elsewhere(directory: string, { files }: RegisterPorts): Promise<readonly string[]> {
  const store = (await loggedRegisterIfReadable({ files, path: directory }))?.store
  return store === undefined ? [] : [`The device register, which is ${store}: back it up by itself.`]
}

async function collectFrom(
  { directory, path, maxBytes }: { readonly directory: string; readonly path: string; readonly maxBytes: number },
  isIncluded: boolean,
  ports: RegisterPorts,
): Promise<CollectedRegister> {
  const certificates = await countOf(path, ports)
  if (isIncluded) return copyRegister(directory, path, maxBytes, ports)
  const notes = [
    `The device register ${DEVICE_REGISTER} (${counted(certificates, 'certificate')}) was left out as requested.`,
  ]
  return { entry: null, facts: { certificates, included: false }, notes }
}

/** See {@link collectRegister}. */
export async function removeRegisterCopy(directory: string, files: DurableFiles): Promise<void> {
  const copy = copyOf(directory)
  if ((await files.kindOf(copy)) !== null) await files.remove(copy)
}

/** Whoever has the lock next removes it, should this process be killed. */
function copyOf(directory: string): string {
  return join(directory, `.${DEVICE_REGISTER}.backup${UNFINISHED}`)
}

async function copyRegister(
  directory: string,
  path: string,
  maxBytes: number,
  ports: CopyPorts,
): Promise<CollectedRegister> {
  const { files, signal } = ports
  const copy = copyOf(directory)
  await files.remove(copy)
  await copyDeviceRegister({ path, to: copy }, ports)
  const read = () => piecesOfFile(files, copy, signal)
  const hash = createHash('sha256')
  let size = 0
  for await (const octets of read()) {
    size += octets.length
    if (size > maxBytes) throw tooLarge(directory, maxBytes)
    hash.update(octets)
  }
  const entry = { path: REGISTER_PATH, kind: 'file', mode: MODE, size, sha256: hash.digest('hex'), read } as const
  return { entry, facts: { certificates: await countOf(copy, ports), included: true }, notes: [] }
}

async function* piecesOfFile(files: DurableFiles, path: string, signal: AbortSignal | undefined) {
  const file = await files.openToRead(path, Number.MAX_SAFE_INTEGER)
  if (file === null) return
  try {
    yield* piecesOf(abortableFile(file, signal))
  } finally {
    await file.close()
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

function tooLarge(directory: string, maxBytes: number): FpkiError {
  const mebibytes = Math.floor(maxBytes / 1024 / 1024)
  const copy = `\`sqlite3 ${shellWord(join(directory, DEVICE_REGISTER))} "vacuum into 'devices-copy.sqlite'"\``
  return new FpkiError(
    'ERR_BAD_FILE',
    `The device register of ${directory} is larger than ${mebibytes} MiB, too large for a backup that OpenSSL can open.`,
    `Nothing was written. Copy it by itself with ${copy}, and leave it out of the backup.`,
    { option: 'withDevices' },
  )
}
