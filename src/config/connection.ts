import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { secretText } from '../secret.js'
import { type ApiChoice, baseUrl, FOUNDRIES_URL } from './api-choice.js'
import type { ClientCredentials, FioctlConfig } from './fioctl.js'
import { readLogins } from './logins.js'
import type { Setting, Settings } from './model.js'
import { clientOf, membersOf, tokensOf } from './oauth.js'
import type { OAuthClient, OAuthTokens } from './oauth-client.js'
import { credentialsPath, hasConfiguration } from './places.js'
import { editYaml } from './yaml-file.js'

/** The credentials for a server, and their source. Secret. */
export type ServerCredentials =
  | { readonly kind: 'token'; readonly header: string; readonly token: string; readonly source: string }
  | {
      readonly kind: 'client'
      readonly client: OAuthClient
      readonly tokens: OAuthTokens | null
      readonly source: string
      /** Replaces the tokens in `source`. */
      save(tokens: OAuthTokens): Promise<void>
    }

/** Everything needed to connect to a server. */
export interface Connection {
  readonly url: string
  readonly credentials: ServerCredentials
  /** Secret. */
  readonly extraHeaders: Readonly<Record<string, string>>
  readonly insecure: boolean
  /** A PEM file. */
  readonly cacert: string | null
  /** May contain a password. */
  readonly proxy: string | null
  readonly noProxy: string
  readonly timeoutMilliseconds: number
}

/** The base URL of the chosen server. Throws ERR_USAGE, ERR_BAD_FILE. */
export async function serverUrl(choice: ApiChoice, settings: Settings): Promise<string> {
  return choice.kind === 'url' ? choice.url : fioctlUrl(await settings.fioctl())
}

/** The connection to the chosen server. Throws ERR_API when there are no credentials for it, ERR_USAGE, ERR_BAD_FILE. */
export async function connectionTo(choice: ApiChoice, settings: Settings, files: DurableFiles): Promise<Connection> {
  const url = await serverUrl(choice, settings)
  const fioctl = await fioctlOf(url, settings)
  const credentials = await credentialsFor(url, fioctl, settings, files)
  if (credentials === null) {
    const hint = 'Log in with `fpki login`, or set FPKI_TOKEN.'
    throw new FpkiError('ERR_API', `No credentials for the Factory API at ${url}.`, hint)
  }
  return {
    ...transportOf(settings),
    url,
    credentials,
    extraHeaders: fioctl?.extraHeaders ?? {},
    insecure: fioctl?.insecure ?? false,
  }
}

/** The settings for requests to any server. */
export function transportOf({ places: { env }, cacert, timeout }: Settings) {
  return {
    cacert: cacert.value,
    proxy: env['HTTPS_PROXY'] || env['https_proxy'] || null,
    noProxy: env['NO_PROXY'] || env['no_proxy'] || '',
    timeoutMilliseconds: Number(timeout.value) * 1000,
  }
}

/** fioctl's configuration if it is for the server at `url`; it must not be used for any other. */
export async function fioctlOf(url: string, settings: Settings): Promise<FioctlConfig | null> {
  const fioctl = await settings.fioctl()
  return fioctlUrl(fioctl) === url ? fioctl : null
}

function fioctlUrl({ serverUrl: address, path }: FioctlConfig): string {
  return address === null ? FOUNDRIES_URL : baseUrl(address, `server.url in ${path}`)
}

/** The credentials for a server: from a flag, the environment, `fpki login` or fioctl, in this order. */
export async function credentialsFor(
  url: string,
  fioctl: FioctlConfig | null,
  settings: Settings,
  files: DurableFiles,
): Promise<ServerCredentials | null> {
  const setting = explicitToken(settings, fioctl !== null)
  if (setting !== null) return tokenCredentials(setting.value, setting.source, settings)
  const path = hasConfiguration(settings.places) ? credentialsPath(settings.places) : ''
  const login = (await readLogins(files, settings.places)).get(url)
  return (
    stored(login?.token, login?.clientcredentials, { path, at: [url], files }, settings) ??
    (fioctl === null ? null : stored(fioctl.token, fioctl.clientCredentials, { ...fioctl, at: [], files }, settings))
  )
}

/** The token in flags or environment; FIOCTL_TOKEN is only for fioctl's server. */
export function explicitToken({ flags, places: { env } }: Settings, isFromFioctl: boolean): Setting<string> | null {
  const sources = [
    ['--token', flags.token],
    ['FPKI_TOKEN', env['FPKI_TOKEN']],
    ['FIOCTL_TOKEN', isFromFioctl ? env['FIOCTL_TOKEN'] : undefined],
  ] as const
  const [source, value] = sources.find(([, token]) => token) ?? []
  return value === undefined || source === undefined ? null : { value: secretText(value, 'token', source), source }
}

function stored(
  token: string | null | undefined,
  credentials: ClientCredentials | null | undefined,
  { path, at, files }: { readonly path: string; readonly at: readonly string[]; readonly files: DurableFiles },
  settings: Settings,
): ServerCredentials | null {
  if (token) return tokenCredentials(token, path, settings)
  if (!credentials) return null
  const save = (tokens: OAuthTokens) => {
    const edits = Object.entries(membersOf(tokens)).map(
      ([name, value]) => [[...at, 'clientcredentials', name], value] as const,
    )
    return editYaml(files, path, edits)
  }
  return { kind: 'client', client: clientOf(credentials, path), tokens: tokensOf(credentials), source: path, save }
}

/** A token as credentials. Throws ERR_USAGE when it is not valid in a header. */
export function tokenCredentials(token: string, source: string, { places: { env } }: Settings): ServerCredentials {
  const header = env['TOKEN_HEADER'] || 'OSF-TOKEN'
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(header)) {
    throw new FpkiError('ERR_USAGE', 'TOKEN_HEADER is not a valid header name.', 'Use a name such as OSF-TOKEN.')
  }
  if (!/^[\x21-\x7e]+$/.test(token)) {
    const problem = 'it contains a space or a non-ASCII character'
    throw new FpkiError('ERR_USAGE', `Cannot send the token from ${source}: ${problem}.`, 'Copy the token again.')
  }
  return { kind: 'token', header, token, source }
}
