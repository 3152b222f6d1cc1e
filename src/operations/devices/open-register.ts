import { join } from 'node:path'
import { openDeviceRegister, type RegisterPorts } from '../../devices/open.js'
import type { DeviceRegister } from '../../devices/register.js'
import { DEVICE_REGISTER } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { shellWord } from '../../shell-word.js'
import { checkAbsolute } from '../../storage/absolute-path.js'

/** Which device register an operation uses. */
export interface RegisterChoice {
  /** Absolute path of the PKI directory or kit. */
  readonly directory: string
  /** `sqlite:/absolute/path`; null: devices.sqlite in the directory. */
  readonly store: string | null
}

/** The path of the SQLite database. Throws ERR_USAGE for a store that fpki has no engine for. */
export function registerPath({ directory, store }: RegisterChoice): string {
  if (store === null) return join(directory, DEVICE_REGISTER)
  const [, path] = /^sqlite:(?:\/\/)?(\/.+)$/.exec(store) ?? []
  if (path !== undefined) {
    checkAbsolute(path, 'device register')
    return path
  }
  throw new FpkiError(
    'ERR_USAGE',
    'Invalid device register: only SQLite files are supported.',
    'Give the absolute path of a file, such as sqlite:/var/lib/fpki/devices.sqlite, or leave it out.',
    { option: 'store' },
  )
}

/** Opens the register of a PKI directory or kit for writing, and makes it when it is missing. Throws as openDeviceRegister. */
export function openRegister(choice: RegisterChoice, ports: RegisterPorts): Promise<DeviceRegister> {
  return openDeviceRegister({ path: registerPath(choice), create: true, directory: choice.directory }, ports)
}

/** Opens the register for reading; null when it does not exist. Creates and changes nothing. */
export async function openRegisterToRead(choice: RegisterChoice, ports: RegisterPorts): Promise<DeviceRegister | null> {
  const path = registerPath(choice)
  if ((await ports.files.kindOf(path)) === null) return null
  return openDeviceRegister({ path, create: false, directory: choice.directory }, ports)
}

/** As {@link openRegisterToRead}. Throws ERR_NOT_INITIALIZED when it does not exist. */
export async function requireRegister(choice: RegisterChoice, ports: RegisterPorts): Promise<DeviceRegister> {
  return (await openRegisterToRead(choice, ports)) ?? noRegister(choice)
}

/** Opens the register for writing; null when it does not exist. Throws as openDeviceRegister. */
export async function openExistingRegister(
  choice: RegisterChoice,
  ports: RegisterPorts,
): Promise<DeviceRegister | null> {
  return (await ports.files.kindOf(registerPath(choice))) === null ? null : openRegister(choice, ports)
}

/** Throws ERR_NOT_INITIALIZED: there is no register. */
export function noRegister(choice: RegisterChoice): never {
  throw new FpkiError(
    'ERR_NOT_INITIALIZED',
    `There is no device register at ${registerPath(choice)}.`,
    `It is created with the first devices: \`fpki devices issue ${shellWord(choice.directory)} --from csrs/ --out devices/\`.`,
  )
}
