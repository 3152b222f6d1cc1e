import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { explicitToken } from './connection.js'
import { readLogins } from './logins.js'
import type { Settings } from './model.js'

/**
 * Requires an explicit choice of the Factory API before a change, because a root of trust can be set only once
 * (docs/profile.md#choosing-api). Throws ERR_API_NOT_CHOSEN when no API was chosen but there are credentials for a server.
 */
export async function requireChosenApi(settings: Settings, files: DurableFiles): Promise<void> {
  if (settings.api.source !== 'default') return
  const source = await credentialsSource(settings, files)
  if (source === null) return
  throw new FpkiError(
    'ERR_API_NOT_CHOSEN',
    `No Factory API chosen: use the embedded one, or the server for which ${source} has credentials?`,
    'Pass --api embedded or --api foundries. To make it the default: `fpki config set api embedded` (or foundries).',
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
