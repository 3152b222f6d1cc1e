import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { secretText } from '../secret.js'
import { type ApiChoice, baseUrl, FOUNDRIES_URL } from './api-choice.js'
import type { ClientCredentials, FioctlConfig } from './fioctl.js'
import { readLogins } from './logins.js'
import { clientOf, membersOf, tokensOf } from './oauth.js'
import type { OAuthClient, OAuthTokens } from './oauth-client.js'
import { credentialsPath, hasConfiguration } from './places.js'
import type { Setting, Settings } from './resolve.js'
import { editYaml } from './yaml-file.js'

/** How a server is told who asks; where it was setting. Secret. */
export type ServerCredentials =
  | { readonly kind: 'token'; readonly header: string; readonly token: string; readonly source: string }
  | {
      readonly kind: 'client'
      readonly client: OAuthClient
      readonly held: OAuthTokens | null
      readonly source: string
      /** Writes new tokens into the place of the old ones in `source`. */
      keep(tokens: OAuthTokens): Promise<void>
    }

/** All that speaking to a server takes. */
export interface Connection {
  readonly url: string
  readonly credentials: ServerCredentials
  /** Secret. */
  readonly extraHeaders: Readonly<Record<string, string>>
  readonly insecure: boolean
  /** A PEM file. */
  readonly cacert: string | null
  /** May hold a password. */
  readonly proxy: string | null
  readonly noProxy: string
  readonly timeoutMilliseconds: number
}

/** The base URL of a server that is chosen. Throws ERR_USAGE, ERR_BAD_FILE. */
export async function serverUrl(choice: ApiChoice, settings: Settings): Promise<string> {
  return choice.kind === 'url' ? choice.url : fioctlUrl(await settings.fioctl())
}

/** How the chosen server is spoken to. Throws ERR_API when there are no credentials for it, ERR_USAGE, ERR_BAD_FILE. */
export async function connectionTo(choice: ApiChoice, settings: Settings, files: DurableFiles): Promise<Connection> {
  const url = await serverUrl(choice, settings)
  const fioctl = await fioctlOf(url, settings)
  const credentials = await credentialsFor(url, fioctl, settings, files)
  if (credentials === null) {
    const hint = 'Log in with `fpki login`, or give a token in FPKI_TOKEN.'
    throw new FpkiError('ERR_API', `There are no credentials for the Factory API at ${url}.`, hint)
  }
  return {
    ...transportOf(settings),
    url,
    credentials,
    extraHeaders: fioctl?.extraHeaders ?? {},
    insecure: fioctl?.insecure ?? false,
  }
}

/** How requests go out, whoever they are for. */
export function transportOf({ places: { env }, cacert, timeout }: Settings) {
  return {
    cacert: cacert.value,
    proxy: env['HTTPS_PROXY'] || env['https_proxy'] || null,
    noProxy: env['NO_PROXY'] || env['no_proxy'] || '',
    timeoutMilliseconds: Number(timeout.value) * 1000,
  }
}

/** fioctl's configuration, when it is for the server at `url`: nothing of it is for another one. */
export async function fioctlOf(url: string, settings: Settings): Promise<FioctlConfig | null> {
  const fioctl = await settings.fioctl()
  return fioctlUrl(fioctl) === url ? fioctl : null
}

function fioctlUrl({ serverUrl: address, path }: FioctlConfig): string {
  return address === null ? FOUNDRIES_URL : baseUrl(address, `server.url in ${path}`)
}

/** The first credentials for a server that are there: a flag's, the environment's, those of `fpki login`, fioctl's. */
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

/** A token that flags or environment give; FIOCTL_TOKEN is for fioctl's server only. */
export function explicitToken({ flags, places: { env } }: Settings, isFioctls: boolean): Setting<string> | null {
  const sources = [
    ['--token', flags.token],
    ['FPKI_TOKEN', env['FPKI_TOKEN']],
    ['FIOCTL_TOKEN', isFioctls ? env['FIOCTL_TOKEN'] : undefined],
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
  const keep = (tokens: OAuthTokens) => {
    const edits = Object.entries(membersOf(tokens)).map(
      ([name, value]) => [[...at, 'clientcredentials', name], value] as const,
    )
    return editYaml(files, path, edits)
  }
  return { kind: 'client', client: clientOf(credentials, path), held: tokensOf(credentials), source: path, keep }
}

/** A token as a credentials. Throws ERR_USAGE when it cannot stand in a header. */
export function tokenCredentials(token: string, source: string, { places: { env } }: Settings): ServerCredentials {
  const header = env['TOKEN_HEADER'] || 'OSF-TOKEN'
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(header)) {
    throw new FpkiError('ERR_USAGE', 'TOKEN_HEADER is not the name of a header.', 'Give a name such as OSF-TOKEN.')
  }
  if (!/^[\x21-\x7e]+$/.test(token)) {
    const problem = 'it contains a space or a character that is not ASCII'
    throw new FpkiError('ERR_USAGE', `Cannot send the token from ${source}: ${problem}.`, 'Check where it was copied.')
  }
  return { kind: 'token', header, token, source }
}
