import { setTimeout as delay } from 'node:timers/promises'
import { baseUrl } from './config/api-choice.js'
import type { Connection, Proof } from './config/connection.js'
import type { ClientCredentials } from './config/fioctl.js'
import { editYaml } from './config/yaml-file.js'
import { FpkiError } from './errors.js'
import type { FactoryApi } from './factory/api.js'
import {
  type Credentials,
  fixedCredentials,
  newTokens,
  type OAuthClient,
  type OAuthPorts,
  type OAuthTokens,
  oauthCredentials,
} from './factory/http/credentials.js'
import { undiciSend } from './factory/http/undici-send.js'
import { httpFactory } from './factory/http.js'
import type { Machine } from './machine.js'
import { decodePem } from './pki/pem.js'
import { VERSION } from './version.js'

/** How the caller is told of things, and told to stop. */
export interface HttpPorts {
  readonly signal: AbortSignal
  readonly warn: (text: string) => void
}

/** The longest answer of a Factory API: a list of some thousand device CAs. */
const MAX_BYTES = 8 * 1024 * 1024

/** The Factory API of contract.md 4, where Foundries has its OAuth server. */
const OAUTH_URL = 'https://app.foundries.io/oauth'

/** See `httpFactoryOn`. */
export async function openHttpFactory(
  machine: Machine,
  connection: Connection,
  factory: string,
  ports: HttpPorts,
): Promise<FactoryApi> {
  const { url, extraHeaders, insecure } = connection
  if (insecure) ports.warn(`the certificate of ${url} is not checked (server.insecure_skip_verify).`)
  const out = await outward(machine, connection, ports.signal)
  const credentials = credentialsOf(connection.proof, machine, out, ports)
  return httpFactory({ ...out, url, factory, extraHeaders, credentials })
}

/** New OAuth tokens, by the client's own secret. Throws ERR_API. */
export async function getTokens(
  machine: Machine,
  way: Omit<Connection, 'url' | 'proof' | 'extraHeaders'>,
  credentials: ClientCredentials,
  signal: AbortSignal,
): Promise<ClientCredentials> {
  const tokens = await newTokens(clientOf(credentials, 'fpki login'), null, await outward(machine, way, signal))
  return { ...credentials, ...membersOf(tokens), expires_in: String(tokens.expiresIn) }
}

async function outward(
  { files, clock, random }: Machine,
  { cacert, ...way }: Omit<Connection, 'url' | 'proof' | 'extraHeaders'>,
  signal: AbortSignal,
): Promise<OAuthPorts> {
  const extraRoots = cacert === null ? null : await files.read(cacert, MAX_BYTES)
  if (cacert !== null) {
    if (extraRoots === null) throw new FpkiError('ERR_USAGE', `There is no ${cacert}.`, 'Look at CACERT.')
    decodePem('CERTIFICATE', extraRoots, cacert)
  }
  return {
    ...{ clock, random, userAgent: `fpki/${VERSION}` },
    send: undiciSend({ ...way, extraRoots, maxBytes: MAX_BYTES, signal }),
    sleep: async (milliseconds) => {
      await delay(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())
    },
  }
}

function credentialsOf(proof: Proof, { files }: Machine, out: OAuthPorts, { warn }: HttpPorts): Credentials {
  if (proof.kind === 'token') return fixedCredentials({ name: proof.header, value: proof.token })
  const { credentials, source, place } = proof
  return oauthCredentials(clientOf(credentials, source), heldTokens(credentials), out, async (tokens) => {
    const edits = Object.entries(membersOf(tokens)).map(([name, value]) => [[...place, name], value] as const)
    try {
      await editYaml(files, source, edits)
    } catch (error) {
      if (!(error instanceof FpkiError)) throw error
      warn(`the new tokens could not be kept: ${error.message}`)
    }
  })
}

function clientOf({ client_id, client_secret, url }: ClientCredentials, source: string): OAuthClient {
  if (!client_id || !client_secret) {
    const hint = 'Log in with `fpki login --client-id ID`.'
    throw new FpkiError('ERR_BAD_FILE', `The client credentials in ${source} lack their id or secret.`, hint)
  }
  const address = baseUrl(url || OAUTH_URL, `clientcredentials.url in ${source}`)
  return { clientId: client_id, clientSecret: client_secret, url: address }
}

function heldTokens(credentials: ClientCredentials): OAuthTokens | null {
  const { access_token, refresh_token, token_type, expires_in, created } = credentials
  if (!access_token) return null
  return {
    ...{ accessToken: access_token, refreshToken: refresh_token || null, tokenType: token_type || 'Bearer' },
    ...{ expiresIn: Number(expires_in) || 0, created: created ?? '' },
  }
}

/** Tokens under the names that fioctl gives them. */
function membersOf({ accessToken, refreshToken, tokenType, expiresIn, created }: OAuthTokens) {
  return {
    ...{ access_token: accessToken, refresh_token: refreshToken, token_type: tokenType },
    ...{ expires_in: expiresIn, created },
  }
}
