import { join } from 'node:path'
import { loggedRegisterIfReadable } from '../../audit-log/logged-register.js'
import { openDeviceRegister, type RegisterOptions, type RegisterPorts } from '../../devices/open.js'
import { withoutPassword } from '../../devices/postgres-url.js'
import type { DeviceRegister } from '../../devices/register.js'
import type { RegisterOwner } from '../../devices/same-root.js'
import { DEVICE_REGISTER, PKI_FILES } from '../../directory/names.js'
import { pkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { keyHashOf } from '../../pki/fingerprint.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import { shellWord } from '../../shell-word.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { registerAgeProblem } from './register-age.js'

/** Which device register an operation uses. */
export interface RegisterChoice {
  /** Absolute path of the PKI directory or kit. */
  readonly directory: string
  /** `sqlite:/absolute/path`, or `postgres://user@host:port/database`; null: devices.sqlite in the directory. */
  readonly store: string | null
}

/** A register in a file, or in a database server. */
export type RegisterPlace = ({ readonly path: string } | { readonly url: string }) & Pick<RegisterChoice, 'directory'>

/** Where a register is. Throws ERR_USAGE for a store that fpki has no engine for. */
export function registerPlace({ directory, store }: RegisterChoice): RegisterPlace {
  if (store === null) return { path: join(directory, DEVICE_REGISTER), directory }
  if (/^postgres(ql)?:\/\//i.test(store)) return { url: store, directory }
  const [, path] = /^sqlite:(?:\/\/)?(\/.+)$/.exec(store) ?? []
  if (path !== undefined) {
    checkAbsolute(path, 'device register')
    return { path, directory }
  }
  throw new FpkiError(
    'ERR_USAGE',
    'Invalid device register: fpki has registers in SQLite files and PostgreSQL databases.',
    'Give sqlite:/var/lib/fpki/devices.sqlite or postgres://user@host:5432/database, or leave it out.',
    { option: 'store' },
  )
}

/** A place as in `--store`, without a password. */
export function storeName(place: RegisterPlace): string {
  return 'path' in place ? `sqlite:${place.path}` : withoutPassword(place.url)
}

/** For commands in hints: the directory, and `--store` without a password when the register is not in it. */
export function directoryWords(choice: RegisterChoice): string {
  const word = shellWord(choice.directory)
  return choice.store === null ? word : `${word} --store ${shellWord(storeName(registerPlace(choice)))}`
}

/** The options that open the register at a place for writing, and make its file when it is missing. */
export function openToWrite(place: RegisterPlace): RegisterOptions {
  return 'path' in place ? { ...place, create: true } : { ...place, write: true }
}

/**
 * Opens the register of a PKI directory or kit for writing, and makes its file when it is missing. Throws
 * ERR_STORE_MOVED when the one in use is elsewhere; ERR_OTHER_ROOT when it is that of another factory; as openDeviceRegister.
 */
export async function openRegister(choice: RegisterChoice, ports: RegisterPorts): Promise<DeviceRegister> {
  if (!(await exists(registerPlace(choice), ports))) await requireNotElsewhere(choice, ports)
  const { rootKey } = await ownerOf(choice, ports)
  return openDeviceRegister({ ...openToWrite(registerPlace(choice)), rootKey }, ports)
}

/** As {@link openRegister}. Throws ERR_BAD_FILE when the register that the audit log mentions is missing: only an import replaces it. */
export async function openRegisterUnlessLost(choice: RegisterChoice, ports: RegisterPorts): Promise<DeviceRegister> {
  if (!(await exists(registerPlace(choice), ports))) await requireNotLost(choice, ports)
  return openRegister(choice, ports)
}

/** Opens the register for reading; null when its file does not exist. Creates and changes nothing. */
export async function openRegisterToRead(choice: RegisterChoice, ports: RegisterPorts): Promise<DeviceRegister | null> {
  const place = registerPlace(choice)
  if (!(await exists(place, ports))) return null
  const { rootKey } = await ownerOf(choice, ports)
  const options = 'path' in place ? { ...place, create: false } : { ...place, write: false }
  return openDeviceRegister({ ...options, rootKey }, ports)
}

/** As {@link openRegisterToRead}. Throws ERR_NOT_INITIALIZED when it does not exist. */
export async function requireRegister(choice: RegisterChoice, ports: RegisterPorts): Promise<DeviceRegister> {
  return (await openRegisterToRead(choice, ports)) ?? (await noRegister(choice, ports))
}

/** Opens the register for writing; null when its file does not exist. Throws as openDeviceRegister. */
export async function openExistingRegister(
  choice: RegisterChoice,
  ports: RegisterPorts,
): Promise<DeviceRegister | null> {
  return (await exists(registerPlace(choice), ports)) ? openRegister(choice, ports) : null
}

/** The root of a directory; without one, there is nothing that a register could be compared with. */
export async function ownerOf(
  { directory }: RegisterChoice,
  { files }: Pick<RegisterPorts, 'files'>,
): Promise<RegisterOwner> {
  const pem = await pkiDirectory(files, directory).read(PKI_FILES.rootCertificate)
  if (pem === null) return { directory }
  const { spki } = readPemCertificate(pem, `${directory}/${PKI_FILES.rootCertificate}`)
  return { directory, rootKey: Buffer.from(keyHashOf(spki)).toString('hex') }
}

/** Whether there is something to open: in a database, the tables exist or opening says so. */
async function exists(place: RegisterPlace, { files }: RegisterPorts): Promise<boolean> {
  return 'url' in place || (await files.kindOf(place.path)) !== null
}

/** Throws ERR_STORE_MOVED when no store was chosen, and the audit log names the one in use. */
async function requireNotElsewhere({ directory, store }: RegisterChoice, { files }: RegisterPorts): Promise<void> {
  if (store !== null) return
  const problem = registerAgeProblem(null, await loggedRegisterIfReadable({ files, path: directory }))
  if (problem?.kind === 'elsewhere') throw new FpkiError('ERR_STORE_MOVED', problem.message, problem.hint)
}

/** Throws ERR_STORE_MOVED as well, and ERR_BAD_FILE when the audit log mentions a register, which is missing. */
async function requireNotLost(choice: RegisterChoice, ports: RegisterPorts): Promise<void> {
  await requireNotElsewhere(choice, ports)
  if (choice.store !== null) return
  const problem = registerAgeProblem(
    null,
    await loggedRegisterIfReadable({ files: ports.files, path: choice.directory }),
  )
  if (problem !== null) throw new FpkiError('ERR_BAD_FILE', problem.message, problem.hint)
}

/** Throws as requireNotLost when a register was in use, otherwise ERR_NOT_INITIALIZED. */
export async function noRegister(choice: RegisterChoice, ports: RegisterPorts): Promise<never> {
  await requireNotLost(choice, ports)
  const place = registerPlace(choice)
  const word = directoryWords(choice)
  throw new FpkiError(
    'ERR_NOT_INITIALIZED',
    `There is no device register at ${'path' in place ? place.path : 'the URL'}.`,
    `It is created with its first line: \`fpki lines create ${word} line-1\`, or its first devices: \`fpki devices issue ${word} --from csrs/ --out devices/\`.`,
  )
}
