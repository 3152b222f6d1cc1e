import type { RegisterPorts } from '../../devices/open.js'
import type { DeviceRegister } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import type { FactoryCertificates } from '../../factory/api.js'
import { openExistingRegister, openRegister, type RegisterChoice } from '../devices/open-register.js'
import { openPki, requireSameRoot } from '../open-pki.js'
import type { FactoryRegisters } from './factory-registers.js'

/** Ports of {@link openRegisters}. */
export interface OpenRegistersPorts extends RegisterPorts {
  /** The certificates of a factory in the API; null: it has no such factory, or the factory has no PKI yet. */
  certificatesOf(factory: string): Promise<FactoryCertificates | null>
}

/**
 * The device registers of PKI directories or kits, each for the factory that its directory is of. Each is opened when it is asked
 * for, and left open.
 *
 * @throws FpkiError as openPki does; ERR_USAGE for two directories of a factory, ERR_OTHER_ROOT when the PKI of a directory is
 *   not the one of its factory in the API
 */
export async function openRegisters(
  choices: readonly RegisterChoice[],
  ports: OpenRegistersPorts,
): Promise<FactoryRegisters> {
  const byFactory = new Map<string, RegisterChoice>()
  for (const choice of choices) {
    const pki = await openPki(ports.files, choice.directory, null)
    const { factory } = pki
    const other = byFactory.get(factory)
    if (other !== undefined) throw oneOnly(factory, [other.directory, choice.directory])
    const inApi = await ports.certificatesOf(factory)
    if (inApi !== null) requireSameRoot(inApi.rootCrt, pki)
    byFactory.set(factory, choice)
  }
  return openedLazily(byFactory, ports)
}

function openedLazily(choices: ReadonlyMap<string, RegisterChoice>, ports: RegisterPorts): FactoryRegisters {
  const opened = new Map<string, Promise<DeviceRegister | null>>()
  const get = (factory: string, open: typeof openExistingRegister): Promise<DeviceRegister | null> => {
    const choice = choices.get(factory)
    if (choice === undefined) return Promise.resolve(null)
    const earlier = opened.get(factory) ?? Promise.resolve(null)
    const register = earlier.then(
      (one) => one ?? open(choice, ports),
      () => open(choice, ports),
    )
    opened.set(factory, register)
    return register
  }
  return {
    directories: [...choices].map(([factory, { directory }]) => ({ factory, directory })),
    find: (factory) => get(factory, openExistingRegister),
    create: (factory) => get(factory, openRegister),
    close: async () => {
      for (const register of opened.values()) await (await register.catch(() => null))?.close()
    },
  }
}

function oneOnly(factory: string, directories: readonly string[]): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `Two directories are of the factory ${factory}: ${directories.join(', ')}.`,
    'A factory has one device register: pass one of them.',
    { option: 'devices' },
  )
}
