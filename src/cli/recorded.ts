import { FOUNDRIES_URL, readApi } from '../config/api-choice.js'
import { resolveSettings } from '../config/resolve.js'
import { FpkiError } from '../errors.js'
import { apiOfDirectory, type OpenWork, type RecordedApi } from '../journal/unfinished.js'
import { thisMachine } from '../machine/index.js'
import type { CommonFlags } from './options.js'
import type { Io } from './output.js'

/**
 * The flags with the factory and the Factory API that an open command was begun with, where the person says no others: the same
 * work goes to the same place, whatever the configuration says by now. Throws ERR_API_NOT_CHOSEN.
 */
export async function withRecorded<Flags extends CommonFlags>(
  flags: Flags,
  { journal, state, api }: OpenWork,
  io: Io,
): Promise<Flags> {
  const factory = flags.factory ?? journal.arguments['--factory'] ?? state?.factory
  const named = factory === undefined ? {} : { factory }
  if (flags.api !== undefined || flags.stateDir !== undefined || api === null) return { ...flags, ...named }
  return withApi({ ...flags, ...named }, api, io)
}

/**
 * The flags with the Factory API that a PKI directory's own record names, unless flags or environment name one. A record that
 * somebody else could have written is not acted on. Throws ERR_API_NOT_CHOSEN, ERR_BAD_FILE.
 */
export async function withApiOf<Flags extends CommonFlags>(path: string, flags: Flags, io: Io): Promise<Flags> {
  const { env, machine } = io
  const isNamed = [flags.api, flags.stateDir, env['FPKI_API'], env['FPKI_STATE_DIR']].some(Boolean)
  if (isNamed) return flags
  const api = await apiOfDirectory(thisMachine(machine).files, path)
  return api === null ? flags : withApi(flags, api, io)
}

async function withApi<Flags extends CommonFlags>(flags: Flags, api: RecordedApi, io: Io): Promise<Flags> {
  if ('stateDirectory' in api) return { ...flags, api: 'embedded', stateDir: api.stateDirectory }
  await requireNoOthersToken(api.url, flags, io)
  return { ...flags, api: api.url === FOUNDRIES_URL ? 'foundries' : api.url }
}

/**
 * A login is for one server; a token that flags or environment give is for the one that they name, and a journal may have come
 * from elsewhere. Throws ERR_API_NOT_CHOSEN when that token would go to another server.
 */
async function requireNoOthersToken(url: string, flags: CommonFlags, io: Io): Promise<void> {
  const { explicitToken, serverUrl } = await import('../config/servers.js')
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, thisMachine(io.machine).files)
  // fioctl's own goes to fioctl's server only.
  const token = explicitToken(settings, false)
  if (token === null) return
  const choice = readApi(settings.api.value, settings.api.source)
  if (choice.kind !== 'embedded' && (await serverUrl(choice, settings)) === url) return
  throw new FpkiError(
    'ERR_API_NOT_CHOSEN',
    `Only the records of the PKI directory name the Factory API ${url}; nothing says that the token from ${token.source} is for it.`,
    `Nothing was sent. If it is, run the same with --api ${url}.`,
  )
}
