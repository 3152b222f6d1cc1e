import * as z from 'zod/mini'
import { jsonDocument } from '../json-document.js'
import type { DurableFiles } from '../ports.js'
import { readApi } from './api-choice.js'
import { credentialsFor, fioctlOf, type ServerCredentials, serverUrl } from './connection.js'
import type { Setting, Settings } from './model.js'
import { credentialsPath, fioctlPath, ownConfigPath } from './places.js'

const settingValue = z.nullable(z.union([z.string(), z.number()]))

/** The value of a setting in JSON. */
export function asJsonValue(name: string, value: string | null): string | number | null {
  return name === 'timeout' && value !== null ? Number(value) : value
}

/** What `fpki config show --json` prints. */
export const showConfigResult = jsonDocument({
  settings: z.array(
    z.strictObject({
      name: z.string(),
      /** A number for `timeout`; null when unset. Never a secret. */
      value: settingValue,
      /** A flag, a variable, the path of a file, or `default`. */
      source: z.string(),
    }),
  ),
  /** Absolute paths, whether or not the files exist. */
  files: z.strictObject({ config: z.string(), credentials: z.string(), fioctl: z.string() }),
})

/** See {@link showConfigResult}. */
export type ShowConfigResult = z.infer<typeof showConfigResult>

/** Every setting with its source, without secrets. Throws ERR_USAGE, ERR_BAD_FILE. */
export async function showConfig(settings: Settings, files: DurableFiles): Promise<ShowConfigResult> {
  const { api, factory, cacert, timeout, places, flags } = settings
  const choice = readApi(api.value, api.source)
  // Shown with the embedded API too, as what another choice would use.
  const url = await serverUrl(choice.kind === 'url' ? choice : { kind: 'foundries' }, settings)
  const fioctl = await fioctlOf(url, settings)
  const urlSource = fioctl === null || fioctl.serverUrl === null ? 'default' : fioctl.path
  const isFromFioctl =
    factory.value === null && choice.kind !== 'embedded' && fioctl !== null && fioctl.factory !== null
  const row = (name: string, { value, source }: Setting) => ({ name, value: asJsonValue(name, value), source })
  return {
    settings: [
      row('api', api),
      row('factory', isFromFioctl ? { value: fioctl.factory, source: fioctl.path } : factory),
      row('state-dir', settings.stateDirectory()),
      row('cacert', cacert),
      row('timeout', timeout),
      row('server', { value: url, source: choice.kind === 'url' ? api.source : urlSource }),
      row('credentials', hidden(await credentialsFor(url, fioctl, settings, files))),
    ],
    files: {
      config: ownConfigPath(places),
      credentials: credentialsPath(places),
      fioctl: fioctlPath(flags.config, places).path,
    },
  }
}

function hidden(credentials: ServerCredentials | null): Setting {
  if (credentials === null) return { value: null, source: 'default' }
  const { source } = credentials
  if (credentials.kind === 'token') return { value: 'a token (hidden)', source }
  return { value: `client credentials of ${credentials.client.clientId} (secret hidden)`, source }
}

/** What `fpki config set` and `unset` print with --json. */
export const setConfigResult = jsonDocument({
  name: z.string(),
  /** As in `config show`; null when removed. */
  value: settingValue,
  file: z.string(),
})

/** What `fpki config path --json` prints. */
export const configPathResult = jsonDocument({ path: z.string() })

/** What `fpki login --json` and `fpki logout --json` print. */
export const loginResult = jsonDocument({
  server: z.string(),
  /** null after a logout. */
  credentials: z.nullable(z.enum(['token', 'client'])),
  file: z.string(),
})
