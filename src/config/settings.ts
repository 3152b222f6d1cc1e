import { basename, isAbsolute, join, resolve } from 'node:path'
import { FpkiError } from '../errors.js'
import { checkFactoryName } from '../factory-name.js'

/** The flags that say which factory and which Factory API are meant; what was not given is absent. */
export interface SettingsFlags {
  readonly api?: string
  readonly factory?: string
  /** Secret. */
  readonly token?: string
  /** fioctl's configuration. */
  readonly config?: string
  readonly stateDir?: string
  readonly cacert?: string
  /** Seconds. */
  readonly timeout?: string
}

/** The environment of the process, as Node gives it. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Where the embedded Factory API keeps its state when nobody says it: `$XDG_DATA_HOME/fpki`, else `~/.local/share/fpki`.
 * Throws ERR_USAGE when HOME is relative.
 */
export function stateDirectoryOf(env: Environment, home: string): string {
  const data = env['XDG_DATA_HOME']
  // The XDG specification has relative values ignored.
  if (data && isAbsolute(data)) return join(data, 'fpki')
  return join(requireAbsolute(home, 'HOME'), '.local', 'share', 'fpki')
}

/** The factory that flags or environment name, checked; null when neither does. Throws ERR_USAGE. */
export function namedFactory({ factory }: SettingsFlags, env: Environment): string | null {
  const sources = [
    ['--factory', factory],
    ['FPKI_FACTORY', env['FPKI_FACTORY'] || undefined],
    ['FIOCTL_FACTORY', env['FIOCTL_FACTORY'] || undefined],
  ] as const
  const [source, name] = sources.find(([, value]) => value !== undefined) ?? []
  return name === undefined ? null : checkFactoryName(name, source ?? '')
}

/** The factory that a PKI directory is named after. Throws ERR_USAGE when that is no factory's name. */
export function factoryOfDirectory(directory: string): string {
  return checkFactoryName(basename(directory), 'the name of the directory')
}

/** The only embedded factory there is. Throws ERR_USAGE or ERR_NOT_INITIALIZED when there is none or more than one. */
export function onlyFactory(factories: readonly string[]): string {
  const [only, ...more] = factories
  if (only === undefined) {
    throw new FpkiError(
      'ERR_NOT_INITIALIZED',
      'There is no factory yet.',
      'Make its PKI with `fpki ca create /absolute/path`, or set FPKI_STATE_DIR to where your factories are.',
    )
  }
  if (more.length === 0) return only
  throw new FpkiError(
    'ERR_USAGE',
    `There are ${factories.length} factories: ${factories.join(', ')}.`,
    `Name one: --factory ${only}, for example.`,
  )
}

/** `path`, when it is absolute. Throws ERR_USAGE. */
export function requireAbsolute(path: string, source: string): string {
  if (isAbsolute(path)) return resolve(path)
  const is = path === '' ? 'is empty' : `is a relative path, ${JSON.stringify(path)}`
  throw new FpkiError(
    'ERR_USAGE',
    `${source} ${is}.`,
    `Give an absolute path${source === 'HOME' ? ', or name one with --state-dir or in FPKI_STATE_DIR' : ''}.`,
  )
}
