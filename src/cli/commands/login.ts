import { baseUrl, readApi } from '../../config/api-choice.js'
import { fioctlOf, serverUrl, tokenProof, wayTo } from '../../config/connection.js'
import { readLogins, writeLogin } from '../../config/logins.js'
import type { Settings } from '../../config/model.js'
import { clientOf } from '../../config/oauth.js'
import { resolveSettings } from '../../config/resolve.js'
import { FpkiError } from '../../errors.js'
import { oauthTokensOn, thisMachine } from '../../machine/index.js'
import { readableByOthers, readSecretFile } from '../../secret.js'
import type { CommonFlags } from '../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../output.js'

/** The flags of `login`. */
export interface LoginFlags extends CommonFlags {
  readonly tokenFile?: string
  readonly clientId?: string
  readonly clientSecretFile?: string
  readonly oauthUrl?: string
}

/** `fpki login` */
export async function login(flags: LoginFlags, io: Io): Promise<void> {
  requireOneKind(flags)
  const machine = thisMachine(io.machine)
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, machine.files)
  const url = await serverOf(settings)
  const kind = flags.clientId === undefined ? 'token' : 'client'
  const value = kind === 'token' ? await tokenLogin(flags, settings, io) : await clientLogin(flags, settings, io)
  const file = await writeLogin(machine.files, settings.places, url, value)
  const credentials = kind === 'token' ? 'the token' : 'client credentials'
  if (flags.json) printJson(io, { server: url, credentials: kind, file })
  else if (!flags.quiet) printText(io, `Stored ${credentials} for ${url} in ${printable(file)}\n`)
  if (settings.api.source !== 'default') return
  progressOn(io, flags).note('To use this server by default: `fpki config set api foundries`')
}

/** `fpki logout` */
export async function logout(flags: CommonFlags, io: Io): Promise<void> {
  const { files } = thisMachine(io.machine)
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, files)
  const url = await serverOf(settings)
  // Whether the file is valid is for writeLogin to report.
  const hadLogin = await readLogins(files, settings.places).then(
    (logins) => logins.has(url),
    () => true,
  )
  const file = await writeLogin(files, settings.places, url, null)
  if (flags.json) printJson(io, { server: url, credentials: null, file })
  else if (!flags.quiet && hadLogin) printText(io, `Removed the credentials for ${url} from ${printable(file)}\n`)
  else if (!flags.quiet) printText(io, `No credentials stored for ${url} in ${printable(file)}\n`)
  const fioctl = await fioctlOf(url, settings)
  if (fioctl === null || (fioctl.token === null && fioctl.clientCredentials === null)) return
  progressOn(io, flags).note(`fioctl still has credentials for this server, in ${fioctl.path}.`)
}

/** The selected server; Foundries by default. */
async function serverOf(settings: Settings): Promise<string> {
  const { value, source } = settings.api
  if (source === 'default') return serverUrl({ kind: 'foundries' }, settings)
  const choice = readApi(value, source)
  if (choice.kind !== 'embedded') return serverUrl(choice, settings)
  const hint = 'Pass --api foundries or --api https://HOST.'
  throw new FpkiError('ERR_USAGE', 'The embedded Factory API does not use a login.', hint)
}

function requireOneKind({ token, tokenFile, clientId, clientSecretFile, oauthUrl }: LoginFlags): void {
  const hint = 'Omit --token to be prompted, or pass --token-file FILE (- is stdin).'
  if (token !== undefined)
    throw new FpkiError('ERR_USAGE', '`fpki login` does not accept --token, since other users can see it.', hint)
  if (clientId === undefined && (clientSecretFile ?? oauthUrl) !== undefined) {
    throw new FpkiError('ERR_USAGE', 'Client credentials require a client ID.', 'Pass --client-id too.')
  }
  if (clientId !== undefined && tokenFile !== undefined) {
    throw new FpkiError('ERR_USAGE', '--token-file and --client-id are mutually exclusive.', 'Pass one of them.')
  }
}

async function tokenLogin({ tokenFile, ...flags }: LoginFlags, settings: Settings, io: Io) {
  const token = await secret('token', tokenFile, '--token-file', flags, io)
  tokenProof(token, tokenFile ?? 'the prompt', settings)
  return { token }
}

/** Requests tokens before storing the credentials, so that invalid ones are not stored. */
async function clientLogin({ clientId, clientSecretFile, oauthUrl, ...flags }: LoginFlags, settings: Settings, io: Io) {
  const url = oauthUrl === undefined ? {} : { url: baseUrl(oauthUrl, '--oauth-url') }
  const client_secret = await secret('client secret', clientSecretFile, '--client-secret-file', flags, io)
  const client = clientOf({ client_id: clientId, client_secret, ...url }, 'fpki login')
  const way = { ...wayTo(settings), insecure: false }
  return { client, tokens: await oauthTokensOn(thisMachine(io.machine), way, client, io.signal) }
}

async function secret(
  what: string,
  file: string | undefined,
  flag: string,
  flags: CommonFlags,
  io: Io,
): Promise<string> {
  if (file !== undefined && !(file === '-' && io.askSecret !== null)) {
    const { text, isOpenToOthers } = await readSecretFile(file, what, io.stdin)
    if (isOpenToOthers) progressOn(io, flags).warn(readableByOthers(what, file))
    return text
  }
  if (io.askSecret !== null) return io.askSecret(`${what.charAt(0).toUpperCase()}${what.slice(1)}: `)
  const hint = `Pass ${flag} FILE (- is stdin).`
  throw new FpkiError('ERR_USAGE', `No ${what} given, and there is no terminal to ask on.`, hint)
}
