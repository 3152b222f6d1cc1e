import { FOUNDRIES_URL, readApi } from '../config/api-choice.js'
import { resolveSettings } from '../config/resolve.js'
import { FpkiError } from '../errors.js'
import { apiOfDirectory, type OpenWork, type RecordedApi } from '../journal/unfinished.js'
import { thisMachine } from '../machine/index.js'
import type { CommonFlags } from './options.js'
import type { Io } from './output.js'

/**
 * Adds the factory and the Factory API of an interrupted command to the flags, unless they name others: a resumed command
 * uses the same API even if the configuration has changed. Throws ERR_API_NOT_CHOSEN.
 */
export async function withRecorded<Flags extends CommonFlags>(
  flags: Flags,
  { factory: recorded, state, api }: OpenWork,
  io: Io,
): Promise<Flags> {
  const factory = flags.factory ?? recorded ?? state?.factory
  const named = factory === undefined ? {} : { factory }
  if (flags.api !== undefined || flags.stateDir !== undefined || api === null) return { ...flags, ...named }
  return withApi({ ...flags, ...named }, api, io)
}

/**
 * Adds the Factory API recorded in a PKI directory to the flags, unless flags or environment name one. Ignores a record that
 * another user could have written. Throws ERR_API_NOT_CHOSEN, ERR_BAD_FILE.
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
  await requireTokenForServer(api.url, flags, io)
  return { ...flags, api: api.url === FOUNDRIES_URL ? 'foundries' : api.url }
}

/**
 * Throws ERR_API_NOT_CHOSEN if a token from flags or environment would go to a server that only the PKI directory names,
 * since the directory may be from somebody else. Stored logins belong to one server, and are safe.
 */
async function requireTokenForServer(url: string, flags: CommonFlags, io: Io): Promise<void> {
  const { saidToken, serverUrl } = await import('../config/servers.js')
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, thisMachine(io.machine).files)
  // The token of fioctl only goes to the server of fioctl.
  const token = saidToken(settings, false)
  if (token === null) return
  const choice = readApi(settings.api.value, settings.api.source)
  if (choice.kind !== 'embedded' && (await serverUrl(choice, settings)) === url) return
  throw new FpkiError(
    'ERR_API_NOT_CHOSEN',
    `Refusing to send the token from ${token.source} to ${url}: only the records of the PKI directory name this server.`,
    `Nothing was sent. If the token is for this server, run the command again with --api ${url}.`,
  )
}
