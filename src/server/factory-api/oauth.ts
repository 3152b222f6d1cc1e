import { createHmac, timingSafeEqual } from 'node:crypto'
import * as z from 'zod/mini'
import type { WireAnswer } from '../../factory/answer.js'
import { findToken, hasExpired, type StoredToken } from '../../factory/embedded/tokens.js'

/** Access tokens authorize requests; refresh tokens, with the client secret, get new ones. */
type Kind = 'access' | 'refresh'

const LIFETIME_SECONDS: Readonly<Record<Kind, number>> = { access: 3600, refresh: 30 * 24 * 3600 }

/** The form of the token endpoint: the client id is a token's id, and the client secret is the token. */
const grant = z.object({
  grant_type: z.enum(['client_credentials', 'refresh_token']),
  client_id: z.string(),
  client_secret: z.string(),
  refresh_token: z.optional(z.string()),
})

/**
 * Answers a request for OAuth tokens (docs/profile.md#oauth). They are not stored: each contains the id of an API token and its
 * expiry under a MAC, and becomes invalid when that API token is revoked.
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

/** The API token of an OAuth token; null when the OAuth token is invalid, or either has expired. */
export function findGranted(
  kind: Kind,
  text: string,
  tokens: ReadonlyMap<string, StoredToken>,
  key: Uint8Array,
  now: Date,
): StoredToken | null {
  const [, payload = '', id = '', expires = '', mac = ''] =
    /^fpki\.((?:access|refresh)\.([0-9a-f]{16})\.(\d{1,12}))\.([A-Za-z0-9_-]{43})$/.exec(text) ?? []
  // Compared as text, because base64 is not unique (RFC 4648, 3.5).
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

/** An error response for RFC 6749, 5.2, and for clients of the Factory API. */
function refusal(status: number, error: string): WireAnswer {
  return { status, body: { error, msg: error.replace('_', ' ') } }
}
