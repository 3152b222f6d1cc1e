import * as z from 'zod/mini'
import type { DurableFiles } from '../ports.js'
import { readApi } from './api-choice.js'
import { fioctlOf, type Proof, proofFor, serverUrl } from './connection.js'
import { credentialsPath, fioctlPath, ownConfigPath } from './places.js'
import type { Setting, Settings } from './resolve.js'

/** What `fpki config show --json` prints. */
export const shownConfig = z.strictObject({
  settings: z.array(
    z.strictObject({
      name: z.string(),
      /** null: nobody says it. Never a secret. */
      value: z.nullable(z.string()),
      /** A flag, a variable, the path of a file, or `default`. */
      source: z.string(),
    }),
  ),
  /** Absolute paths, whether the files are there or not. */
  files: z.strictObject({ config: z.string(), credentials: z.string(), fioctl: z.string() }),
})

/** See {@link shownConfig}. */
export type ShownConfig = z.infer<typeof shownConfig>

/** Every setting, its value without secrets, and where it comes from. Throws ERR_USAGE, ERR_BAD_FILE. */
export async function showConfig(settings: Settings, files: DurableFiles): Promise<ShownConfig> {
  const { api, factory, cacert, timeout, places, flags } = settings
  const choice = readApi(api.value, api.source)
  // With the embedded API too, so that nobody has to guess what another choice would mean.
  const url = await serverUrl(choice.kind === 'url' ? choice : { kind: 'foundries' }, settings)
  const fioctl = await fioctlOf(url, settings)
  const urlSource = fioctl === null || fioctl.serverUrl === null ? 'default' : fioctl.path
  const isFioctls = factory.value === null && choice.kind !== 'embedded' && fioctl !== null && fioctl.factory !== null
  const row = (name: string, { value, source }: Setting) => ({ name, value, source })
  return {
    settings: [
      row('api', api),
      row('factory', isFioctls ? { value: fioctl.factory, source: fioctl.path } : factory),
      row('state-dir', settings.stateDirectory()),
      row('cacert', cacert),
      row('timeout', timeout),
      row('server', { value: url, source: choice.kind === 'url' ? api.source : urlSource }),
      row('credentials', hidden(await proofFor(url, fioctl, settings, files))),
    ],
    files: {
      config: ownConfigPath(places),
      credentials: credentialsPath(places),
      fioctl: fioctlPath(flags.config, places).path,
    },
  }
}

function hidden(proof: Proof | null): Setting {
  if (proof === null) return { value: null, source: 'default' }
  const { source } = proof
  if (proof.kind === 'token') return { value: 'a token (hidden)', source }
  return { value: `client credentials of ${proof.client.clientId} (secret hidden)`, source }
}

/** What `fpki config set` and `unset` print with --json. */
export const changedSetting = z.strictObject({
  name: z.string(),
  /** null: it was taken out. */
  value: z.nullable(z.string()),
  file: z.string(),
})

/** What `fpki config path --json` prints. */
export const configPath = z.strictObject({ path: z.string() })

/** What `fpki login --json` and `fpki logout --json` print. */
export const changedLogin = z.strictObject({
  server: z.string(),
  /** null: there are none any more. */
  credentials: z.nullable(z.enum(['token', 'client'])),
  file: z.string(),
})
