/** What is known of an OAuth client in its configuration, and what its server is told: for more than one room. */

/** What a client is known by, and where it gets tokens. */
export interface OAuthClient {
  readonly clientId: string
  /** Secret. */
  readonly clientSecret: string
  /** Without `/token/`. */
  readonly url: string
}

/** OAuth tokens, as docs/profile.md#fioctl-configuration has them in a configuration. Secret. */
export interface OAuthTokens {
  readonly accessToken: string
  readonly refreshToken: string | null
  readonly tokenType: string
  /** Seconds; 0: nobody knows. */
  readonly expiresIn: number
  /** When they were given, RFC 3339; empty: nobody knows. */
  readonly created: string
}
