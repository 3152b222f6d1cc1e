import { isAbsolute, join, resolve } from 'node:path'
import { FpkiError } from '../errors.js'
import type { Environment } from './settings.js'

/** What determines the location of a user's configuration. */
export interface Places {
  readonly env: Environment
  readonly home: string
}

/** Whether there is a configuration folder. Without HOME and XDG_CONFIG_HOME, flags and environment may suffice. */
export function hasConfiguration({ env, home }: Places): boolean {
  return isAbsolute(home) || isAbsolute(env['XDG_CONFIG_HOME'] ?? '')
}

/** The folder of fpki's own configuration. Throws ERR_USAGE when there is no HOME. */
function ownFolder({ env, home }: Places): string {
  const config = env['XDG_CONFIG_HOME']
  // The XDG specification requires relative values to be ignored.
  if (config && isAbsolute(config)) return join(config, 'fpki')
  return join(requireHome(home), '.config', 'fpki')
}

/** fpki's own configuration. */
export function ownConfigPath(places: Places): string {
  return join(ownFolder(places), 'config.yaml')
}

/** The file of `fpki login`. */
export function credentialsPath(places: Places): string {
  return join(ownFolder(places), 'credentials.yaml')
}

/** The path of fioctl's configuration (empty without HOME), and whether it was named, so that it must exist. */
export function fioctlPath(flag: string | undefined, { env, home }: Places): { path: string; isNamed: boolean } {
  const named = flag ?? (env['FIOCTL_CONFIG'] || undefined)
  if (named !== undefined) return { path: resolve(named), isNamed: true }
  if (!isAbsolute(home)) return { path: '', isNamed: false }
  return { path: join(home, '.config', 'fioctl.yaml'), isNamed: false }
}

function requireHome(home: string): string {
  if (isAbsolute(home)) return home
  throw new FpkiError(
    'ERR_USAGE',
    `HOME is not an absolute path: ${JSON.stringify(home)}.`,
    'Set HOME to your home directory.',
  )
}
