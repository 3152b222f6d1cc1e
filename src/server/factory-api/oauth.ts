import { createHmac, timingSafeEqual } from 'node:crypto'
import * as z from 'zod/mini'
import type { WireAnswer } from '../../factory/answer.js'
import { findToken, hasExpired, type StoredToken } from '../../factory/embedded/tokens.js'

/** What a client is given: `access` opens the API, `refresh` brings another one of these together with the client's secret. */
type Kind = 'access' | 'refresh'

const LIFETIME_SECONDS: Readonly<Record<Kind, number>> = { access: 3600, refresh: 30 * 24 * 3600 }

/** What is parsed for at the token endpoint; a token's id is a client's, and the token itself is its secret. */
const grant = z.object({
  grant_type: z.enum(['client_credentials', 'refresh_token']),
  client_id: z.string(),
  client_secret: z.string(),
  refresh_token: z.optional(z.string()),
})

/**
 * Answers a request for OAuth tokens (contract.md 4). The tokens are nowhere kept: they say whose they are and how long
 * they hold, under a MAC; whoever loses the token behind them loses these too.
 */
export function answerGrant(
  form: unknown,
  tokens: ReadonlyMap<string, StoredToken>,
  key: Uint8Array,
  now: Date,
): WireAnswer {
  const parsed = grant.safeParse(form)
  if (!parsed.success) return refusal(400, 'invalid_request')
  const { grant_type, client_id, client_secret, refresh_token = '' } = parsed.data
  const token = findToken(tokens, client_secret, now)
  if (token === null || token.id !== client_id) return refusal(401, 'invalid_client')
  if (grant_type === 'refresh_token' && findGranted('refresh', refresh_token, tokens, key, now)?.id !== token.id)
    return refusal(400, 'invalid_grant')
  const body = {
    access_token: granted('access', token.id, key, now),
    refresh_token: granted('refresh', token.id, key, now),
    token_type: 'Bearer',
    expires_in: LIFETIME_SECONDS.access,
    scope: token.scopes.join(' '),
    orgs: token.factory === null ? [] : [token.factory],
  }
  return { status: 200, body }
}

/** The token behind an OAuth token of a kind; null: it is none, or one of both has expired. */
export function findGranted(
  kind: Kind,
  text: string,
  tokens: ReadonlyMap<string, StoredToken>,
  key: Uint8Array,
  now: Date,
): StoredToken | null {
  const [, payload = '', id = '', expires = '', mac = ''] =
    /^fpki\.((?:access|refresh)\.([0-9a-f]{16})\.(\d{1,12}))\.([A-Za-z0-9_-]{43})$/.exec(text) ?? []
  // As text: other texts decode to the same octets (RFC 4648, 3.5).
  if (mac === '' || !timingSafeEqual(Buffer.from(macOf(payload, key)), Buffer.from(mac))) return null
  const token = tokens.get(id) ?? null
  const isValid = payload.startsWith(kind) && Number(expires) * 1000 > now.getTime()
  return token === null || !isValid || hasExpired(token, now) ? null : token
}

function granted(kind: Kind, id: string, key: Uint8Array, now: Date): string {
  const payload = `${kind}.${id}.${Math.floor(now.getTime() / 1000) + LIFETIME_SECONDS[kind]}`
  return `fpki.${payload}.${macOf(payload, key)}`
}

function macOf(payload: string, key: Uint8Array): string {
  return createHmac('sha256', key).update(payload).digest('base64url')
}

/** As RFC 6749, 5.2 has it, and as the Factory API's errors are. */
function refusal(status: number, error: string): WireAnswer {
  return { status, body: { error, msg: error.replace('_', ' ') } }
}
