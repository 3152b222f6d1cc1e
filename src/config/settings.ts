import { basename, isAbsolute, join, resolve } from 'node:path'
import { FpkiError } from '../errors.js'
import { checkFactoryName } from '../factory-name.js'

/** The flags that select the factory and the Factory API. */
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

/** The environment of the process. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The default state directory of the embedded Factory API: `$XDG_DATA_HOME/fpki` or `~/.local/share/fpki`. Throws ERR_USAGE
 * when HOME is relative.
 */
export function stateDirectoryOf(env: Environment, home: string): string {
  const data = env['XDG_DATA_HOME']
  // The XDG specification requires relative values to be ignored.
  if (data && isAbsolute(data)) return join(data, 'fpki')
  return join(requireAbsolute(home, 'HOME'), '.local', 'share', 'fpki')
}

/** The checked factory name from flags or environment; null when unset. Throws ERR_USAGE. */
export function namedFactory({ factory }: SettingsFlags, env: Environment): string | null {
  const sources = [
    ['--factory', factory],
    ['FPKI_FACTORY', env['FPKI_FACTORY'] || undefined],
    ['FIOCTL_FACTORY', env['FIOCTL_FACTORY'] || undefined],
  ] as const
  const [source, name] = sources.find(([, value]) => value !== undefined) ?? []
  return name === undefined ? null : checkFactoryName(name, source ?? '')
}

/** The factory after which a PKI directory is named. Throws ERR_USAGE when the name is not valid for a factory. */
export function factoryOfDirectory(directory: string): string {
  return checkFactoryName(basename(directory), 'the name of the directory')
}

/** The only embedded factory. Throws ERR_NOT_INITIALIZED when there is none, ERR_USAGE when there are several. */
export function onlyFactory(factories: readonly string[]): string {
  const [only, ...more] = factories
  if (only === undefined) {
    throw new FpkiError(
      'ERR_NOT_INITIALIZED',
      'No factory exists yet.',
      'Create a PKI with `fpki ca create /absolute/path`, or set FPKI_STATE_DIR to the directory of your factories.',
    )
  }
  if (more.length === 0) return only
  throw new FpkiError(
    'ERR_USAGE',
    `No factory given, and there are ${factories.length}: ${factories.join(', ')}.`,
    `Choose one, for example with --factory ${only}.`,
  )
}

/** Requires an absolute path. Throws ERR_USAGE. */
export function requireAbsolute(path: string, source: string): string {
  if (isAbsolute(path)) return resolve(path)
  const problem = path === '' ? 'is empty' : `is a relative path: ${JSON.stringify(path)}`
  throw new FpkiError(
    'ERR_USAGE',
    `${source} ${problem}.`,
    `Use an absolute path${source === 'HOME' ? ', or set one with --state-dir or FPKI_STATE_DIR' : ''}.`,
  )
}
