import { FOUNDRIES_URL } from '../config/api-choice.js'
import type { OpenWork } from '../operations/open-work.js'
import type { CommonFlags } from './options.js'

/**
 * The flags with the factory and the Factory API that an open command was begun with, where the person says no others: the same
 * work goes to the same place, whatever the configuration says by now.
 */
export function withRecorded<Flags extends CommonFlags>(flags: Flags, { journal, state, api }: OpenWork): Flags {
  const factory = flags.factory ?? journal.arguments['--factory'] ?? state?.factory
  const named = factory === undefined ? {} : { factory }
  if (flags.api !== undefined || flags.stateDir !== undefined || api === null) return { ...flags, ...named }
  if ('stateDirectory' in api) return { ...flags, ...named, api: 'embedded', stateDir: api.stateDirectory }
  return { ...flags, ...named, api: api.url === FOUNDRIES_URL ? 'foundries' : api.url }
}
