/**
 * What proves to the registration service that a request is from a line: a token, or the client certificate of a station.
 * Times are milliseconds since 1970 (UTC).
 */
export interface CredentialStore {
  /**
   * Records a token and its allow list: the token is of no use before the list is whole, and is removed when the list cannot
   * be read to its end. Throws ERR_LINE when there is no such line or it is closed, ERR_EXISTS.
   */
  createToken(token: NewToken, list: AllowList | null): Promise<Token>
  /** The oldest first, with those that have expired or were revoked; null: of all lines. */
  tokens(line: string | null): Promise<readonly Token[]>
  /** null: there is no such token. */
  token(id: string): Promise<StoredToken | null>
  /** Records a station. Throws ERR_LINE, and ERR_EXISTS when the line has a station of that name that was not revoked. */
  createStation(station: NewStation): Promise<Station>
  /** The oldest first, with those that were revoked; null: of all lines. */
  stations(line: string | null): Promise<readonly Station[]>
  /** The station with a certificate, whether or not it was revoked: SHA-256 of the certificate, lower-case hex. */
  stationByCertificate(fingerprint: string): Promise<Station | null>
  /** Ends a token or station for ever. False when there is none of that name, or it was revoked before. */
  revoke(credential: Credential, at: number): Promise<boolean>
  /** The entry of a token's allow list that names a device; null: none. Which device used an entry first decides in the end. */
  listed(token: string, device: ListedDevice): Promise<number | null>
}

/** The entries of an allow list, at once or as they are read. */
export type AllowList = readonly ListedDevice[] | AsyncIterable<readonly ListedDevice[]>

/** Names a token or a station. */
export type Credential =
  | { readonly kind: 'token'; readonly id: string }
  | { readonly kind: 'station'; readonly line: string; readonly name: string }

/** How a credential is recorded with a device: `token:ID` or `station:LINE/NAME`. */
export function credentialText(credential: Credential): string {
  return credential.kind === 'token' ? `token:${credential.id}` : `station:${credential.line}/${credential.name}`
}

/** What is recorded of a new token. The token itself (secret) is not. */
export interface NewToken {
  /** Random, 16 hex digits; a part of the token, so that it is found. Not secret. */
  readonly id: string
  /** SHA-256 of the token. It has 256 random bits, so that a slow hash would add nothing. */
  readonly hash: Uint8Array
  readonly line: string
  /** How many devices it may register; null: any number. */
  readonly uses: number | null
  /** The only device that it may register; null: any. Canonical. */
  readonly uuid: string | null
  readonly createdAt: number
  /** null: it does not expire. */
  readonly expiresAt: number | null
}

/** A token, without its hash. */
export interface Token extends Omit<NewToken, 'hash'> {
  /** How many devices it has registered. */
  readonly used: number
  /** How many entries its allow list has; null: it has no list. */
  readonly listed: number | null
  /** null: it was not revoked. */
  readonly revokedAt: number | null
}

/** A token with its hash, to compare. */
export interface StoredToken extends Token {
  readonly hash: Uint8Array
}

/** What is recorded of a new station. Its key is the station's alone. */
export interface NewStation {
  readonly line: string
  /** Like the name of a line. */
  readonly name: string
  /** SHA-256 of its certificate, lower-case hex. */
  readonly fingerprint: string
  readonly notAfter: number
  readonly createdAt: number
}

/** A station of a line. */
export interface Station extends NewStation {
  /** null: it was not revoked. */
  readonly revokedAt: number | null
}

/**
 * A device as an allow list names it; null matches any. An entry names at least one, and allows a device that has all that it
 * names. The first device that uses an entry has it for itself.
 */
export interface ListedDevice {
  /** Canonical. */
  readonly uuid: string | null
  /** The maker's serial number, which a device sends as its name. */
  readonly serialNumber: string | null
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly keyHash: Uint8Array | null
}

/** Whether a token may be used at a time. One that is used up still gets devices the certificates that they have. */
export function isValidToken({ revokedAt, expiresAt }: Pick<Token, 'revokedAt' | 'expiresAt'>, now: Date): boolean {
  return revokedAt === null && (expiresAt === null || now.getTime() < expiresAt)
}

/** Whether a station may be used at a time. */
export function isValidStation({ revokedAt, notAfter }: Pick<Station, 'revokedAt' | 'notAfter'>, now: Date): boolean {
  return revokedAt === null && now.getTime() < notAfter
}
