import { FpkiError } from '../../errors.js'
import type { ModuleChoice } from '../../ports.js'
import type { Cryptoki, CryptokiMaker } from './cryptoki.js'
import { explained, returnValue, type Subject } from './errors.js'

/** A PKCS#11 module that is loaded and initialized. */
export interface Module {
  readonly path: string
  readonly initArgs: string
  readonly cryptoki: Cryptoki
  /** C_Finalize. Never throws: there is nothing to be done about it, and what was signed is signed. */
  close(): void
}

/**
 * Loads a module and initializes it.
 *
 * @param path of the shared library
 * @param initArgs what NSS and its like want in C_Initialize; empty for the others
 * @throws FpkiError ERR_HSM_MODULE when the library or pkcs11js itself cannot be loaded, or does not initialize
 */
export async function openModule(
  path: string,
  initArgs: string,
  makeCryptoki: CryptokiMaker = pkcs11js,
): Promise<Module> {
  const cryptoki = await makeCryptoki()
  load(cryptoki, path)
  try {
    // pkcs11js 2.1 takes the last character for the end of the text, so it gets one to take.
    if (initArgs === '') cryptoki.C_Initialize()
    else cryptoki.C_Initialize({ libraryParameters: `${initArgs} ` })
  } catch (error) {
    throw notInitialized(path, returnValue(error))
  }
  return {
    path,
    initArgs,
    cryptoki,
    close: () => {
      try {
        cryptoki.C_Finalize()
      } catch {
        // The token is gone, or the module is in disorder. The process ends soon, and its sessions with it.
      }
    },
  }
}

/** The module itself as the subject of an error. */
export function subjectOf({ path, initArgs }: Pick<Module, 'path' | 'initArgs'>): Subject {
  return { name: path, modulePath: path, initArgs, token: null }
}

/** Opens a module for the time of `work`. */
export async function withModule<T>({ module: path, initArgs }: ModuleChoice, work: (module: Module) => T): Promise<T> {
  const module = await openModule(path, initArgs)
  try {
    return explained(subjectOf(module), () => work(module))
  } finally {
    module.close()
  }
}

/** pkcs11js is an optional peer dependency with a native part, so it is loaded here and nowhere else. */
export async function pkcs11js(): Promise<Cryptoki> {
  try {
    const { default: library } = await import('pkcs11js')
    return new library.PKCS11()
  } catch (error) {
    throw notLoaded(error instanceof Error ? error.message : String(error))
  }
}

/** The error for a pkcs11js that is not installed, or whose native part was not built or is another Node's. */
export function notLoaded(text: string): FpkiError {
  const reason = text.replace(/\s*Require stack:[\s\S]*$/, '').replaceAll(/\s+/g, ' ')
  const isInstalled = !/Cannot find (package|module) ['"]pkcs11js['"]/.test(reason)
  const command = isInstalled ? 'npm rebuild pkcs11js' : 'npm install pkcs11js'
  return new FpkiError(
    'ERR_HSM_MODULE',
    isInstalled
      ? `The native part of pkcs11js, which HSMs need, cannot be loaded: ${reason}.`
      : `The package pkcs11js, which HSMs need, is not installed: ${reason}.`,
    `Run \`apt-get install build-essential python3\`, then \`${command}\` where fpki is installed. The build also needs ` +
      'the Node headers, which it downloads; without network give their folder in npm_config_nodedir. All else of fpki works without it.',
  )
}

function load(cryptoki: Cryptoki, path: string): void {
  try {
    cryptoki.load(path)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    const [, lacking] = /^(.+?): cannot open shared object file: No such file/.exec(text) ?? []
    const missing = lacking === path
    const foreign = /undefined symbol|invalid ELF header|file too short/.test(text)
    const needs =
      lacking === undefined ? `cannot be loaded (${text.split('\n')[0]})` : `cannot be loaded: it needs ${lacking}`
    const reason = missing ? 'is not there' : foreign ? 'is no PKCS#11 module' : needs
    throw new FpkiError(
      'ERR_HSM_MODULE',
      `The PKCS#11 module ${path} ${reason}.`,
      'Name the library of your token with --hsm-module; `fpki hsm list` shows the modules that it finds.',
    )
  }
}

function notInitialized(path: string, name: string | null): FpkiError {
  const parameters = name === 'CKR_ARGUMENTS_BAD'
  return new FpkiError(
    'ERR_HSM_MODULE',
    `The PKCS#11 module ${path} does not start (${name ?? 'it gives no reason'}).`,
    parameters
      ? 'It may want a text of its own: give it with --hsm-init-args, for NSS "configdir=\'sql:/path\'".'
      : 'Look whether the service that it needs is running and its configuration can be read.',
  )
}
