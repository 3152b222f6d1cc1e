import { FpkiError } from '../../errors.js'
import type { ModuleChoice } from '../../ports.js'
import { CKF_OS_LOCKING_OK, type Cryptoki, type CryptokiMaker } from './cryptoki.js'
import { explainErrors, returnValue, type Subject } from './errors.js'

/** A loaded and initialized PKCS#11 module. */
export interface Module {
  readonly path: string
  readonly initArgs: string
  readonly cryptoki: Cryptoki
  /** Calls C_Finalize, unless another part of the process uses the module. Never throws: everything is already signed. */
  close(): void
}

/**
 * Loads a module and initializes it.
 *
 * @param path the shared library
 * @param initArgs initialisation arguments for C_Initialize (needed by NSS); empty for none
 * @param hasThreads whether several threads will call the module at once
 * @throws FpkiError ERR_HSM_MODULE when the library or pkcs11js cannot be loaded or initialized
 */
export async function openModule(
  path: string,
  initArgs: string,
  makeCryptoki: CryptokiMaker = pkcs11js,
  hasThreads = false,
): Promise<Module> {
  const cryptoki = await makeCryptoki()
  load(cryptoki, path)
  // A module is initialized once in a process (PKCS#11, 5.4): whoever did so finalizes it.
  let isOwner = true
  try {
    cryptoki.C_Initialize({
      ...(hasThreads ? { flags: CKF_OS_LOCKING_OK } : {}),
      // pkcs11js 2.1 drops the last character.
      ...(initArgs === '' ? {} : { libraryParameters: `${initArgs} ` }),
    })
  } catch (error) {
    const name = returnValue(error)
    if (name !== 'CKR_CRYPTOKI_ALREADY_INITIALIZED') throw notInitialized(path, name)
    isOwner = false
  }
  return {
    path,
    initArgs,
    cryptoki,
    close: () => {
      if (!isOwner) return
      try {
        cryptoki.C_Finalize()
      } catch {
        // The process ends soon, and its sessions with it.
      }
    },
  }
}

/** The module as the subject of an error. */
export function subjectOf({ path, initArgs }: Pick<Module, 'path' | 'initArgs'>): Subject {
  return { name: path, modulePath: path, initArgs, token: null }
}

/** Opens a module while `work` runs. */
export async function withModule<T>({ module: path, initArgs }: ModuleChoice, work: (module: Module) => T): Promise<T> {
  const module = await openModule(path, initArgs)
  try {
    return explainErrors(subjectOf(module), () => work(module))
  } finally {
    module.close()
  }
}

/** Loads pkcs11js, an optional peer dependency with a native part. */
export async function pkcs11js(): Promise<Cryptoki> {
  try {
    const { default: library } = await import('pkcs11js')
    return new library.PKCS11()
  } catch (error) {
    throw notLoaded(error instanceof Error ? error.message : String(error))
  }
}

/** The error when pkcs11js is not installed, or its native part was not built or is for another Node version. */
export function notLoaded(text: string): FpkiError {
  const reason = text.replace(/\s*Require stack:[\s\S]*$/, '').replaceAll(/\s+/g, ' ')
  const isInstalled = !/Cannot find (package|module) ['"]pkcs11js['"]/.test(reason)
  const command = isInstalled ? 'npm rebuild pkcs11js' : 'npm install pkcs11js'
  return new FpkiError(
    'ERR_HSM_MODULE',
    isInstalled
      ? `Cannot load the native part of pkcs11js, which is needed for HSMs: ${reason}.`
      : `The package pkcs11js, which is needed for HSMs, is not installed: ${reason}.`,
    `Run \`apt-get install build-essential python3\`, then \`${command}\` where fpki is installed. The build downloads the ` +
      'Node headers; without a network, set npm_config_nodedir to their folder. The rest of fpki works without pkcs11js.',
  )
}

function load(cryptoki: Cryptoki, path: string): void {
  try {
    cryptoki.load(path)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    throw new FpkiError(
      'ERR_HSM_MODULE',
      `Cannot load the PKCS#11 module ${path}: ${loadProblem(text, path)}.`,
      'Pass the library of your token with --hsm-module; `fpki hsm list` lists the modules it finds.',
    )
  }
}

function loadProblem(text: string, path: string): string {
  const [, missing] = /^(.+?): cannot open shared object file: No such file/.exec(text) ?? []
  if (missing === path) return 'no such file'
  if (missing !== undefined) return `it needs ${missing}`
  const isOther = /undefined symbol|invalid ELF header|file too short/.test(text)
  return isOther ? 'not a PKCS#11 module' : (text.split('\n')[0] ?? '')
}

function notInitialized(path: string, name: string | null): FpkiError {
  const parameters = name === 'CKR_ARGUMENTS_BAD'
  return new FpkiError(
    'ERR_HSM_MODULE',
    `Cannot initialize the PKCS#11 module ${path} (${name ?? 'no reason given'}).`,
    parameters
      ? 'It may need initialisation arguments: pass them with --hsm-init-args, for NSS "configdir=\'sql:/path\'".'
      : 'Check that the service it needs is running and its configuration is readable.',
  )
}
