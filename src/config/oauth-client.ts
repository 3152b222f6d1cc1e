/** An OAuth client, and its token server. */
export interface OAuthClient {
  readonly clientId: string
  /** Secret. */
  readonly clientSecret: string
  /** Without `/token/`. */
  readonly url: string
}

/** OAuth tokens in the configuration (docs/profile.md#fioctl-configuration). Secret. */
export interface OAuthTokens {
  readonly accessToken: string
  readonly refreshToken: string | null
  readonly tokenType: string
  /** Seconds; 0 when unknown. */
  readonly expiresIn: number
  /** The time of issue, RFC 3339; empty when unknown. */
  readonly created: string
}
