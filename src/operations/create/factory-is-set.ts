import { FpkiError } from '../../errors.js'
import type { FactoryApi } from '../../factory/api.js'
import { isEmbeddedApi } from '../../factory/embedded/index.js'
import type { Progress } from '../../ports.js'

/**
 * The error for a factory that already has a root, from an earlier attempt or another client. `source`: where the factory's
 * name is from.
 */
export function factoryIsSet(factory: string, { name: api }: Pick<FactoryApi, 'name'>, source?: string): FpkiError {
  const named = source === undefined ? '' : ` (from ${source})`
  const trial = isEmbeddedApi(api) ? ` To start a trial over: \`fpki api delete-factory ${factory}\`.` : ''
  return new FpkiError(
    'ERR_FACTORY_IS_SET',
    `The factory ${factory}${named} already has a root of trust in the Factory API ${api}; it can be set only once.`,
    `To see it: \`fpki ca show --pretty --factory ${factory}\`. If its PKI directory was lost: \`fpki ca restore BACKUP DIR\`. ` +
      `To change the names of its gateway: \`fpki ca rotate-tls DIR --tls-name HOST\`.${trial} Otherwise, use another factory.`,
    { option: 'factory' },
  )
}

/** Opens a Factory API, which may be out of reach: ERR_API. */
export type OpenApi = () => Promise<Pick<FactoryApi, 'getCertificates' | 'name'>>

/**
 * A root can be set only once, so a CSR for a second one would be signed in vain. Throws ERR_FACTORY_IS_SET; warns
 * when the Factory API cannot be reached.
 */
export async function requireNoRoot(
  { factory, factorySource }: { readonly factory: string; readonly factorySource?: string },
  { openApi, progress }: { readonly openApi: OpenApi; readonly progress: Progress },
): Promise<void> {
  const api = await openApi().catch(unlessUnreachable)
  const answer = api instanceof FpkiError ? api : await api.getCertificates().catch(unlessUnreachable)
  if (answer instanceof FpkiError) {
    const reason = answer.message.replace(/\.$/, '')
    progress.warn(
      `could not check that the factory ${factory} has no root yet: ${reason}. If it has one, \`ca create\` will refuse the certificate for this request.`,
    )
  } else if (answer !== null && !(api instanceof FpkiError)) throw factoryIsSet(factory, api, factorySource)
}

function unlessUnreachable(error: unknown): FpkiError {
  if (error instanceof FpkiError && error.code === 'ERR_API') return error
  throw error
}
