import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'

/** The library folders of Debian, Fedora and token vendors. */
const LIBRARY_FOLDERS = [
  '/usr/lib',
  '/usr/lib64',
  '/usr/local/lib',
  ...['x86_64', 'aarch64', 'arm', 'riscv64'].map((cpu) => `/usr/lib/${cpu}-linux-gnu${cpu === 'arm' ? 'eabihf' : ''}`),
]

/** Common modules below those folders. p11-kit's proxy is left out because it would list their tokens again. */
const MODULES = [
  'softhsm/libsofthsm2.so',
  'pkcs11/libsofthsm2.so',
  'libsofthsm2.so',
  'opensc-pkcs11.so',
  'pkcs11/opensc-pkcs11.so',
  'libykcs11.so',
  'pkcs11/yubihsm_pkcs11.so',
  'yubihsm_pkcs11.so',
  'libtpm2_pkcs11.so',
  'pkcs11/libtpm2_pkcs11.so',
  'pkcs11/libopencryptoki.so',
  'opencryptoki/libopencryptoki.so',
]

/** Modules in other folders. */
const OTHER_MODULES = ['/opt/cloudhsm/lib/libcloudhsm_pkcs11.so', '/usr/lib/opensc-pkcs11.so']

/** p11-kit's configuration: one `.module` file for each module (pkcs11.conf(5)). */
const P11_KIT_FOLDERS = ['/usr/share/p11-kit/modules', '/etc/pkcs11/modules']

/**
 * The PKCS#11 modules of this machine, at well-known paths and in p11-kit's configuration. Each library is listed once, under
 * the first path that leads to it. None is loaded.
 */
export function wellKnownModules(): readonly string[] {
  const common = LIBRARY_FOLDERS.flatMap((folder) => MODULES.map((name) => join(folder, name)))
  const pathOfLibrary = new Map<string, string>()
  for (const path of [...common, ...OTHER_MODULES, ...P11_KIT_FOLDERS.flatMap(configuredModules)]) {
    const library = realPath(path)
    if (library !== null && !pathOfLibrary.has(library)) pathOfLibrary.set(library, path)
  }
  return [...pathOfLibrary.values()]
}

function realPath(path: string): string | null {
  return existsSync(path) ? realpathSync(path) : null
}

/** The `module:` line of each file; relative paths are below p11-kit's library folder. */
function configuredModules(folder: string): readonly string[] {
  const names = namesIn(folder).filter((name) => name.endsWith('.module'))
  return names.flatMap((name) => {
    const [, module] = /^\s*module:\s*(\S+)\s*$/m.exec(readable(join(folder, name))) ?? []
    if (module === undefined || module.includes('p11-kit-')) return []
    return isAbsolute(module) ? [module] : LIBRARY_FOLDERS.map((library) => join(library, 'pkcs11', module))
  })
}

/** Empty for folders that are missing or unreadable. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function readable(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
