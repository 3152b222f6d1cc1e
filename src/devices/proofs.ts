import { type Kysely, sql, type Transaction } from 'kysely'
import { type Bulk, bulk, placeholders } from './bulk.js'
import { selectTokens, type TokenRow, tokenOf } from './credential-rows.js'
import type { Engine } from './engine.js'
import type { KnownProofs, ListEntry } from './proof-checks.js'
import { Conflict } from './record.js'
import type { NewCertificate } from './register.js'
import { integer, octets, text, uuidOctets, uuidText } from './rows.js'
import type { Schema } from './schema.js'

/** The proofs of requests, in the transaction that records the certificates. */
export interface Proofs {
  /** Reads what certificates were registered with. */
  read(
    transaction: Transaction<Schema>,
    certificates: readonly NewCertificate[],
    terms: { readonly line: { readonly id: number; readonly name: string }; readonly at: number },
  ): Promise<KnownProofs>
  /**
   * Takes a use of its token for each certificate of a new device, and the entries of the allow lists. The guarded UPDATE
   * decides, so that no number of processes exceeds the uses. Throws {@link Conflict} when another process was first.
   */
  take(
    transaction: Transaction<Schema>,
    accepted: { readonly fresh: readonly NewCertificate[]; readonly reissued: readonly NewCertificate[] },
  ): Promise<void>
}

export function sqlProofs(db: Kysely<Schema>, engine: Engine): Proofs {
  const [tokens, entries] = [tokensById(db), entriesById(db)]
  const [uses, claims] = [takeUses(db, engine), takeEntries(db, engine)]
  return {
    read: async (transaction, certificates, { line, at }) => {
      const proofs = certificates.flatMap(({ proof }) => proof ?? [])
      const credentials = proofs.map(({ credential }) => credential)
      const ids = new Set(credentials.flatMap((one) => (one.kind === 'token' ? [one.id] : [])))
      const listed = new Set(proofs.flatMap((proof) => proof.listed ?? []))
      const tokenRows = await tokens.run(transaction, parametersOf(ids))
      const entryRows = await entries.run(transaction, parametersOf(listed))
      const hasStations = credentials.some(({ kind }) => kind === 'station')
      return {
        ...{ line: line.name, at },
        tokens: new Map(tokenRows.rows.map(tokenOf).map((token) => [token.id, token])),
        stations: new Set(hasStations ? await stationNames(transaction, line.id) : []),
        entries: new Map(entryRows.rows.map((row) => [integer(row.id, 'listed_devices.id'), entryOf(row)])),
      }
    },
    take: async (transaction, { fresh, reissued }) => {
      const used = usesOf(fresh)
      if ((await uses.run(transaction, used)).changes !== used.length) throw new Conflict('a token has no use left')
      const taken = [...new Map([...fresh, ...reissued].flatMap(takenEntry))].sort(([a], [b]) => a - b)
      if ((await claims.run(transaction, taken)).changes !== taken.length)
        throw new Conflict('another device has used an entry of an allow list')
    },
  }
}

function parametersOf(values: ReadonlySet<string | number>): readonly (readonly unknown[])[] {
  return [...values].map((value) => [value])
}

/** The tokens that new devices use, and how often; sorted, so that processes wait for each other in the same order. */
function usesOf(fresh: readonly NewCertificate[]): readonly (readonly [string, number])[] {
  const uses = new Map<string, number>()
  for (const { proof } of fresh) {
    if (proof?.credential.kind !== 'token') continue
    const { id } = proof.credential
    uses.set(id, (uses.get(id) ?? 0) + 1)
  }
  return [...uses].sort(([a], [b]) => (a < b ? -1 : 1))
}

function takenEntry({ uuid, proof }: NewCertificate): readonly (readonly [number, Uint8Array])[] {
  return proof?.listed == null ? [] : [[proof.listed, uuidOctets(uuid)]]
}

function tokensById(db: Kysely<Schema>): Bulk<TokenRow> {
  return bulk((count) => selectTokens(db).where('tokens.id', 'in', placeholders(count, '')))
}

type EntryRow = { readonly id: number; readonly token: string; readonly used_by: Uint8Array | null }

function entriesById(db: Kysely<Schema>): Bulk<EntryRow> {
  return bulk((count) =>
    db.selectFrom('listed_devices').select(['id', 'token', 'used_by']).where('id', 'in', placeholders(count, 0)),
  )
}

function entryOf({ token, used_by: usedBy }: EntryRow): ListEntry {
  return {
    token: text(token, 'listed_devices.token'),
    usedBy: usedBy === null ? null : uuidText(octets(usedBy, 'listed_devices.used_by', 16)),
  }
}

async function stationNames(transaction: Transaction<Schema>, line: number): Promise<readonly string[]> {
  const stations = transaction.selectFrom('stations').select('name').where('line', '=', line)
  return (await stations.where('revoked_at', 'is', null).execute()).map(({ name }) => name)
}

/** Parameters: the ID of a token, and how many of its uses. */
function takeUses(db: Kysely<Schema>, engine: Engine): Bulk<never> {
  const number = sql.raw(engine.integer)
  return bulk<never>((count) => {
    const taken = sql.join(placeholders(count, sql`(cast(${''} as text), cast(${0} as ${number}))`))
    const update = sql<never>`update tokens set used = used + taken.column2 from (values ${taken}) as taken
      where tokens.id = taken.column1 and revoked_at is null and (uses is null or used + taken.column2 <= uses)`
    return { compile: () => update.compile(db) }
  })
}

/** Parameters: the ID of an entry, and the UUID of the device that uses it. */
function takeEntries(db: Kysely<Schema>, engine: Engine): Bulk<never> {
  const [number, type] = [sql.raw(engine.integer), sql.raw(engine.octets)]
  return bulk<never>((count) => {
    const taken = sql.join(placeholders(count, sql`(cast(${0} as ${number}), cast(${new Uint8Array()} as ${type}))`))
    const update = sql<never>`update listed_devices set used_by = taken.column2 from (values ${taken}) as taken
      where listed_devices.id = taken.column1 and (used_by is null or used_by = taken.column2)`
    return { compile: () => update.compile(db) }
  })
}
