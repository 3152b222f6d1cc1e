import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { explicitToken } from './connection.js'
import { readLogins } from './logins.js'
import type { Settings } from './resolve.js'

/**
 * Setting a root of trust cannot be undone, so that a change never goes to a Factory API that was guessed (cli.md, "Which
 * Factory API"). Throws ERR_API_NOT_CHOSEN when nothing says which one, and there are credentials for another than the
 * embedded one.
 */
export async function requireChosenApi(settings: Settings, files: DurableFiles): Promise<void> {
  if (settings.api.source !== 'default') return
  const where = await credentialsSource(settings, files)
  if (where === null) return
  throw new FpkiError(
    'ERR_API_NOT_CHOSEN',
    `It is not setting which Factory API is meant: the embedded one, or the server that ${where} has credentials for.`,
    'Give --api embedded or --api foundries, or settle it with `fpki config set api embedded` (or foundries).',
  )
}

async function credentialsSource(settings: Settings, files: DurableFiles): Promise<string | null> {
  const setting = explicitToken(settings, true)
  if (setting !== null) return setting.source
  const [url] = (await readLogins(files, settings.places)).keys()
  if (url !== undefined) return '`fpki login`'
  const { token, clientCredentials, path } = await settings.fioctl()
  return token === null && clientCredentials === null ? null : path
}
