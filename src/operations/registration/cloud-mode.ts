import { FpkiError } from '../../errors.js'
import type { DeviceApi } from '../../factory/device-api.js'
import { CLOUD_MODES, type CloudMode } from './model.js'

/** What happens with the Factory API, and the API that it happens with. */
export type Cloud =
  | { readonly mode: 'off'; readonly api: null }
  | { readonly mode: Exclude<CloudMode, 'off'>; readonly api: DeviceApi }

/**
 * Decides how a Factory API is informed of devices: by default it is, with `queue`. The embedded one is not: it reads the
 * device register.
 *
 * @param wanted null: the default
 * @param api null: the embedded one
 * @throws FpkiError ERR_USAGE when `wanted` is no mode, or needs another API than the embedded one
 */
export function cloudMode(wanted: string | null, api: DeviceApi | null): Cloud {
  const mode = wanted === null ? (api === null ? 'off' : 'queue') : CLOUD_MODES.find((one) => one === wanted)
  if (mode === undefined) {
    const hint = `Use one of ${CLOUD_MODES.join(', ')}.`
    throw new FpkiError('ERR_USAGE', `Unknown mode ${JSON.stringify(wanted)}.`, hint, { option: 'cloud' })
  }
  if (mode === 'off') return { mode, api: null }
  if (api !== null) return { mode, api }
  throw new FpkiError(
    'ERR_USAGE',
    'The embedded Factory API is not informed of devices: it reads the device register.',
    'Use off, or choose another Factory API.',
    { option: 'cloud' },
  )
}
