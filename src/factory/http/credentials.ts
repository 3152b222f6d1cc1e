import * as z from 'zod/mini'
import type { OAuthClient, OAuthTokens } from '../../config/oauth-client.js'
import type { Clock } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { FactoryApiError } from '../api.js'
import { wrongMember } from '../wire.js'
import type { HttpAnswer, Send } from './exchange.js'
import { badAnswer, parsedJson, refusalOf } from './refusal.js'
import { type RetryPorts, withRetries } from './retry.js'

/** The credentials of a caller. */
export interface Credentials {
  /** The headers to send along. Secret. */
  headers(): Promise<Readonly<Record<string, string>>>
  /** Called after a 401; true when new credentials are available. */
  renew(): Promise<boolean>
}

/** The ports for requesting tokens. */
export interface OAuthPorts extends RetryPorts {
  readonly send: Send
  readonly userAgent: string
}

/** One constant header; null for none. */
export function fixedCredentials(header: { readonly name: string; readonly value: string } | null): Credentials {
  return {
    headers: async () => (header === null ? {} : { [header.name]: header.value }),
    renew: async () => false,
  }
}

/**
 * OAuth client credentials. Tokens are renewed before they expire, and once after a 401, and stored with `save`.
 *
 * @param stored the tokens of an earlier run, if any
 */
export function oauthCredentials(
  client: OAuthClient,
  stored: OAuthTokens | null,
  ports: OAuthPorts,
  save: (tokens: OAuthTokens) => Promise<void>,
): Credentials {
  const state = { tokens: stored, isFresh: false }
  const getNew = async () => {
    state.tokens = await newTokens(client, state.tokens?.refreshToken ?? null, ports)
    state.isFresh = true
    await save(state.tokens)
    return state.tokens
  }
  return {
    headers: async () => {
      const tokens = state.tokens === null || isOver(state.tokens, ports.clock) ? await getNew() : state.tokens
      return { Authorization: `Bearer ${Buffer.from(tokens.accessToken).toString('base64')}` }
    },
    renew: async () => {
      // Renewing again would not help.
      if (state.isFresh) return false
      await getNew()
      return true
    },
  }
}

/** Tokens are renewed a minute early, so that they last for a request. */
const SPARE_SECONDS = 60

function isOver({ created, expiresIn }: OAuthTokens, clock: Clock): boolean {
  const since = Date.parse(created)
  if (expiresIn === 0 || Number.isNaN(since)) return false
  return clock().getTime() >= since + (expiresIn - Math.min(SPARE_SECONDS, expiresIn / 2)) * 1000
}

const tokenAnswer = z.object({
  access_token: z.string().check(z.minLength(1)),
  refresh_token: z.nullish(z.string()),
  token_type: z.nullish(z.string()),
  expires_in: z.nullish(z.number().check(z.nonnegative())),
})

/**
 * Requests tokens with the refresh token, or with the client's secret if there is none or it is refused. Throws
 * {@link FactoryApiError}.
 */
export async function newTokens(
  client: OAuthClient,
  refreshToken: string | null,
  ports: OAuthPorts,
): Promise<OAuthTokens> {
  if (refreshToken !== null) {
    const outcome = await requestTokens(client, { grant_type: 'refresh_token', refresh_token: refreshToken }, ports)
    if (outcome.answer === null) throw refusalOf(outcome, failedTokenCall(client))
    if (outcome.answer.status === 200) return tokensOf(outcome.answer, client, ports.clock)
  }
  const outcome = await requestTokens(client, { grant_type: 'client_credentials' }, ports)
  if (outcome.answer?.status === 200) return tokensOf(outcome.answer, client, ports.clock)
  const error = refusalOf(outcome, failedTokenCall(client))
  // The server's text may repeat the secret.
  const message = error.reason === null ? error.message : error.message.replace(`: ${error.reason}`, '')
  const hint = `Nothing was changed. Log in again: \`fpki login --client-id ${shellWord(client.clientId)}\`.`
  const isRefused = error.status >= 400 && error.status < 500 && error.status !== 429
  throw new FactoryApiError(error.status, message, isRefused ? hint : error.hint, { cause: error.cause })
}

function requestTokens(
  { clientId, clientSecret, url }: OAuthClient,
  grant: Readonly<Record<string, string>>,
  ports: OAuthPorts,
) {
  const form = new URLSearchParams({ ...grant, client_id: clientId, client_secret: clientSecret })
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'User-Agent': ports.userAgent }
  const request = { method: 'POST', url: `${url}/token/`, headers, body: form.toString() } as const
  return withRetries(() => ports.send(request), ports)
}

function failedTokenCall({ url }: OAuthClient) {
  return { server: url, call: 'the token request', effect: 'Nothing was changed.', factory: null }
}

function tokensOf(answer: HttpAnswer, client: OAuthClient, clock: Clock): OAuthTokens {
  const parsed = tokenAnswer.safeParse(parsedJson(answer.text))
  if (!parsed.success) throw badAnswer(answer, failedTokenCall(client), wrongMember(parsed.error) || null)
  const { access_token: accessToken, refresh_token, token_type, expires_in } = parsed.data
  return {
    accessToken,
    refreshToken: refresh_token || null,
    tokenType: token_type || 'Bearer',
    expiresIn: expires_in ?? 0,
    created: clock()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z'),
  }
}
