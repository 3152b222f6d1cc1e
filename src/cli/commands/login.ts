import { baseUrl, readApi } from '../../config/api-choice.js'
import { fioctlOf, serverUrl, tokenCredentials, transportOf } from '../../config/connection.js'
import { writeLogin } from '../../config/logins.js'
import { clientOf } from '../../config/oauth.js'
import { resolveSettings, type Settings } from '../../config/resolve.js'
import { FpkiError } from '../../errors.js'
import { requestOAuthTokens, thisMachine } from '../../machine/index.js'
import { readSecretFile } from '../../secret.js'
import type { CommonFlags } from '../options.js'
import { type Io, printable, printJson, progressOn } from '../output.js'

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
  const kept = kind === 'token' ? 'A token' : 'Client credentials'
  if (flags.json) printJson(io, { server: url, credentials: kind, file })
  else if (!flags.quiet) io.stdout(`${kept} for ${url}: kept in ${printable(file)}.\n`)
  if (settings.api.source !== 'default') return
  progressOn(io, flags).note('`fpki config set api foundries` makes fpki speak to this server from now on.')
}

/** `fpki logout` */
export async function logout(flags: CommonFlags, io: Io): Promise<void> {
  const { files } = thisMachine(io.machine)
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, files)
  const url = await serverOf(settings)
  const file = await writeLogin(files, settings.places, url, null)
  if (flags.json) printJson(io, { server: url, credentials: null, file })
  else if (!flags.quiet) io.stdout(`No credentials for ${url} are kept in ${printable(file)}.\n`)
  const fioctl = await fioctlOf(url, settings)
  if (fioctl === null || (fioctl.token === null && fioctl.clientCredentials === null)) return
  progressOn(io, flags).note(`those in fioctl's configuration stay (${fioctl.path}).`)
}

/** The server that is meant: Foundries, when nothing is said. */
async function serverOf(settings: Settings): Promise<string> {
  const { value, source } = settings.api
  if (source === 'default') return serverUrl({ kind: 'foundries' }, settings)
  const choice = readApi(value, source)
  if (choice.kind !== 'embedded') return serverUrl(choice, settings)
  const hint = 'Name a server with --api foundries or --api https://host.'
  throw new FpkiError('ERR_USAGE', 'The embedded Factory API takes no login.', hint)
}

function requireOneKind({ token, tokenFile, clientId, clientSecretFile, oauthUrl }: LoginFlags): void {
  const hint = 'Leave it out: fpki asks for it. Or give --token-file FILE (- is stdin).'
  if (token !== undefined) throw new FpkiError('ERR_USAGE', 'A token is not given as an argument of login.', hint)
  if (clientId === undefined && (clientSecretFile ?? oauthUrl) !== undefined) {
    throw new FpkiError('ERR_USAGE', 'The client of these credentials is not named.', 'Give --client-id too.')
  }
  if (clientId !== undefined && tokenFile !== undefined) {
    throw new FpkiError('ERR_USAGE', '--token-file and --client-id exclude each other.', 'Give one of them.')
  }
}

async function tokenLogin({ tokenFile, ...flags }: LoginFlags, settings: Settings, io: Io) {
  const token = await secret('token', tokenFile, '--token-file', flags, io)
  tokenCredentials(token, tokenFile ?? 'the question', settings)
  return { token }
}

/** Asks for tokens at once: credentials that are not taken are not kept. */
async function clientLogin({ clientId, clientSecretFile, oauthUrl, ...flags }: LoginFlags, settings: Settings, io: Io) {
  const url = oauthUrl === undefined ? {} : { url: baseUrl(oauthUrl, '--oauth-url') }
  const client_secret = await secret('client secret', clientSecretFile, '--client-secret-file', flags, io)
  const client = clientOf({ client_id: clientId, client_secret, ...url }, 'fpki login')
  const transport = { ...transportOf(settings), insecure: false }
  return { client, tokens: await requestOAuthTokens(thisMachine(io.machine), transport, client, io.signal) }
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
    if (isOpenToOthers) progressOn(io, flags).warn(`others can read the ${what} in ${file}; give it mode 0600.`)
    return text
  }
  if (io.askSecret !== null) return io.askSecret(`${what.charAt(0).toUpperCase()}${what.slice(1)}: `)
  const hint = `Give it with ${flag} FILE (- is stdin).`
  throw new FpkiError('ERR_USAGE', `There is no ${what}, and no terminal to ask on.`, hint)
}
