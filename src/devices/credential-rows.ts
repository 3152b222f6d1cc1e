import type { Kysely, Selectable } from 'kysely'
import type { Station, StoredToken, Token } from './credential-store.js'
import { integer, integerOrNull, octets, text, time, timeOrNull, uuidText } from './rows.js'
import type { Schema } from './schema.js'

/** A row of `tokens` with the name of its line. */
export type TokenRow = Omit<Selectable<Schema['tokens']>, 'line'> & { readonly line: string }
type StationRow = Omit<Selectable<Schema['stations']>, 'id' | 'line'> & { readonly line: string }

/** All tokens; what narrows the query down is added by the caller. */
export function selectTokens(db: Kysely<Schema>) {
  return db
    .selectFrom('tokens')
    .innerJoin('lines', 'lines.id', 'tokens.line')
    .select(['lines.name as line', 'tokens.id', 'tokens.hash', 'tokens.uuid', 'tokens.uses', 'tokens.used'])
    .select(['tokens.listed', 'tokens.created_at', 'tokens.expires_at', 'tokens.revoked_at'])
}

/** All stations; what narrows the query down is added by the caller. */
export function selectStations(db: Kysely<Schema>) {
  return db
    .selectFrom('stations')
    .innerJoin('lines', 'lines.id', 'stations.line')
    .select(['lines.name as line', 'stations.name', 'stations.fingerprint', 'stations.not_after'])
    .select(['stations.created_at', 'stations.revoked_at'])
}

export function tokenOf(row: TokenRow): StoredToken {
  return {
    id: text(row.id, 'tokens.id'),
    hash: octets(row.hash, 'tokens.hash', 32),
    line: text(row.line, 'lines.name'),
    uses: integerOrNull(row.uses, 'tokens.uses'),
    uuid: row.uuid === null ? null : uuidText(octets(row.uuid, 'tokens.uuid', 16)),
    createdAt: time(row.created_at, 'tokens.created_at'),
    expiresAt: timeOrNull(row.expires_at, 'tokens.expires_at'),
    used: integer(row.used, 'tokens.used'),
    listed: integerOrNull(row.listed, 'tokens.listed'),
    revokedAt: timeOrNull(row.revoked_at, 'tokens.revoked_at'),
  }
}

export function withoutHash({ hash: _, ...token }: StoredToken): Token {
  return token
}

export function stationOf(row: StationRow): Station {
  return {
    line: text(row.line, 'lines.name'),
    name: text(row.name, 'stations.name'),
    fingerprint: text(row.fingerprint, 'stations.fingerprint'),
    notAfter: time(row.not_after, 'stations.not_after'),
    createdAt: time(row.created_at, 'stations.created_at'),
    revokedAt: timeOrNull(row.revoked_at, 'stations.revoked_at'),
  }
}
