import { FpkiError } from '../errors.js'
import { baseUrl } from './api-choice.js'
import type { ClientCredentials } from './fioctl.js'
import type { OAuthClient, OAuthTokens } from './oauth-client.js'

/** The token server of Foundries (docs/profile.md#oauth). */
const OAUTH_URL = 'https://app.foundries.io/oauth'

/** The client in a configuration. Throws ERR_BAD_FILE when its id or secret is missing, ERR_USAGE for a bad address. */
export function clientOf({ client_id, client_secret, url }: ClientCredentials, source: string): OAuthClient {
  if (!client_id || !client_secret) {
    const hint = 'Log in with `fpki login --client-id ID`.'
    throw new FpkiError('ERR_BAD_FILE', `The client credentials in ${source} lack their id or secret.`, hint)
  }
  const address = baseUrl(url || OAUTH_URL, `clientcredentials.url in ${source}`)
  return { clientId: client_id, clientSecret: client_secret, url: address }
}

/** The tokens in a configuration, if any. */
export function tokensOf(credentials: ClientCredentials): OAuthTokens | null {
  const { access_token, refresh_token, token_type, expires_in, created } = credentials
  if (!access_token) return null
  return {
    accessToken: access_token,
    refreshToken: refresh_token || null,
    tokenType: token_type || 'Bearer',
    expiresIn: Number(expires_in) || 0,
    created: created ?? '',
  }
}

/** The members of tokens in a configuration; null removes a member. */
export function membersOf(tokens: OAuthTokens): Readonly<Record<string, string | number | null>> {
  const { accessToken, refreshToken, tokenType, expiresIn, created } = tokens
  return {
    access_token: accessToken,
    refresh_token: refreshToken,
    token_type: tokenType,
    expires_in: expiresIn,
    created,
  }
}
