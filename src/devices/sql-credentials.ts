import type { Kysely, Transaction } from 'kysely'
import { FpkiError } from '../errors.js'
import { type AllowLists, allowLists } from './allow-list.js'
import { selectStations, selectTokens, stationOf, tokenOf, withoutHash } from './credential-rows.js'
import type {
  AllowList,
  Credential,
  CredentialStore,
  NewStation,
  NewToken,
  Station,
  Token,
} from './credential-store.js'
import { lineIsClosed, noSuchLine } from './line-errors.js'
import { integer, uuidOctets } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** The tokens and stations of a register in a SQL database. */
export function sqlCredentials(db: Kysely<Schema>, transactions: Transactions): CredentialStore {
  const lists = allowLists(db)
  return {
    createToken: (token, list) => createToken(transactions, lists, token, list),
    tokens: async (line) => {
      const all = selectTokens(db).orderBy('tokens.created_at').orderBy('tokens.id')
      const rows = await (line === null ? all : all.where('lines.name', '=', line)).execute()
      return rows.map((row) => withoutHash(tokenOf(row)))
    },
    token: async (id) => {
      const row = await selectTokens(db).where('tokens.id', '=', id).executeTakeFirst()
      return row === undefined ? null : tokenOf(row)
    },
    createStation: (station) => createStation(transactions, station),
    stations: async (line) => {
      const all = selectStations(db).orderBy('stations.id')
      return (await (line === null ? all : all.where('lines.name', '=', line)).execute()).map(stationOf)
    },
    stationByCertificate: async (fingerprint) => {
      const row = await selectStations(db).where('stations.fingerprint', '=', fingerprint).executeTakeFirst()
      return row === undefined ? null : stationOf(row)
    },
    revoke: (credential, at) => transactions((transaction) => revoke(transaction, credential, at)),
    listed: (token, device) => lists.find(token, device),
  }
}

/**
 * A long list is recorded in many transactions, so that nobody waits for it. Until it is whole, the token has expired; of a
 * process that was killed, such a token is left.
 */
async function createToken(
  transactions: Transactions,
  lists: AllowLists,
  token: NewToken,
  list: AllowList | null,
): Promise<Token> {
  const { id, createdAt, expiresAt } = token
  if (list === null) return transactions((transaction) => insertToken(transaction, token))
  await transactions((transaction) => insertToken(transaction, { ...token, expiresAt: createdAt }))
  try {
    let listed = 0
    for await (const some of Symbol.asyncIterator in list ? list : [list]) {
      await transactions((transaction) => lists.record(transaction, id, some))
      listed += some.length
    }
    return await transactions(async (transaction) => {
      const whole = { listed, expires_at: expiresAt }
      await transaction.updateTable('tokens').set(whole).where('id', '=', id).execute()
      return tokenWith(transaction, id)
    })
  } catch (error) {
    await transactions(async (transaction) => {
      await transaction.deleteFrom('listed_devices').where('token', '=', id).execute()
      await transaction.deleteFrom('tokens').where('id', '=', id).execute()
    })
    throw error
  }
}

async function insertToken(transaction: Transaction<Schema>, token: NewToken): Promise<Token> {
  const { id, hash, uuid, uses, createdAt, expiresAt } = token
  const line = await openLine(transaction, token.line)
  const row = { id, hash, line, uuid: uuid === null ? null : uuidOctets(uuid), uses }
  const insert = transaction
    .insertInto('tokens')
    .values({ ...row, listed: null, created_at: createdAt, expires_at: expiresAt, revoked_at: null })
    .onConflict((conflict) => conflict.doNothing())
  if ((await insert.executeTakeFirst()).numInsertedOrUpdatedRows !== 1n) throw tokenExists(id)
  return tokenWith(transaction, id)
}

async function tokenWith(transaction: Transaction<Schema>, id: string): Promise<Token> {
  return withoutHash(tokenOf(await selectTokens(transaction).where('tokens.id', '=', id).executeTakeFirstOrThrow()))
}

async function createStation(transactions: Transactions, station: NewStation): Promise<Station> {
  const { name, fingerprint, notAfter, createdAt } = station
  return transactions(async (transaction) => {
    const line = await openLine(transaction, station.line)
    const insert = transaction
      .insertInto('stations')
      .values({ line, name, fingerprint, not_after: notAfter, created_at: createdAt, revoked_at: null })
      .onConflict((conflict) => conflict.doNothing())
    if ((await insert.executeTakeFirst()).numInsertedOrUpdatedRows === 1n) return { ...station, revokedAt: null }
    const pinned = await selectStations(transaction).where('fingerprint', '=', fingerprint).executeTakeFirst()
    throw stationExists(station, pinned === undefined ? null : stationOf(pinned))
  })
}

async function openLine(transaction: Transaction<Schema>, name: string): Promise<number> {
  const row = await transaction.selectFrom('lines').select(['id', 'state']).where('name', '=', name).executeTakeFirst()
  if (row === undefined) throw noSuchLine(name)
  if (row.state !== 'closed') return integer(row.id, 'lines.id')
  throw lineIsClosed(name)
}

async function revoke(transaction: Transaction<Schema>, credential: Credential, at: number): Promise<boolean> {
  if (credential.kind === 'token') {
    const update = transaction.updateTable('tokens').set({ revoked_at: at }).where('id', '=', credential.id)
    return (await update.where('revoked_at', 'is', null).executeTakeFirst()).numUpdatedRows === 1n
  }
  const update = transaction
    .updateTable('stations')
    .set({ revoked_at: at })
    .where('line', '=', (is) => is.selectFrom('lines').select('id').where('name', '=', credential.line))
    .where('name', '=', credential.name)
  return (await update.where('revoked_at', 'is', null).executeTakeFirst()).numUpdatedRows === 1n
}

function tokenExists(id: string): FpkiError {
  const hint = 'Run the same command again: it makes another token.'
  return new FpkiError('ERR_EXISTS', `A token with the ID ${id} exists already.`, hint)
}

/** `pinned`: the station that has the same certificate; null: only the name is taken. */
function stationExists({ line, name }: NewStation, pinned: Station | null): FpkiError {
  if (pinned === null)
    return new FpkiError(
      'ERR_EXISTS',
      `The line ${line} has a station ${name} already.`,
      'Choose another name, or revoke that station first.',
    )
  const { revokedAt } = pinned
  const end = revokedAt === null ? '' : ', which was revoked'
  return new FpkiError(
    'ERR_EXISTS',
    `The certificate is that of the station ${pinned.name} of the line ${pinned.line}${end}.`,
    'Each station has a certificate of its own: make another.',
  )
}
