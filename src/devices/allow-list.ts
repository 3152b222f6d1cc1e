import { type Kysely, sql, type Transaction } from 'kysely'
import { type Bulk, bulk, placeholders } from './bulk.js'
import type { ListedDevice } from './credential-store.js'
import { integer, uuidOctets } from './rows.js'
import type { Schema } from './schema.js'

/** The allow lists of tokens. */
export interface AllowLists {
  /** Records entries of the list of a token. */
  record(transaction: Transaction<Schema>, token: string, devices: readonly ListedDevice[]): Promise<void>
  /** See CredentialStore.listed. */
  find(token: string, device: ListedDevice): Promise<number | null>
}

export function allowLists(db: Kysely<Schema>): AllowLists {
  const entries = insertEntries(db)
  return {
    record: async (transaction, token, devices) => {
      const rows = devices.map((device) => parametersOf(token, device))
      await entries.run(transaction, rows)
    },
    find: (token, device) => find(db, token, device),
  }
}

function insertEntries(db: Kysely<Schema>): Bulk<never> {
  const row = { token: '', uuid: null, serial_number: null, key_hash: null, used_by: null }
  return bulk((count) => db.insertInto('listed_devices').values(placeholders(count, row)).$castTo<never>())
}

function parametersOf(token: string, { uuid, serialNumber, keyHash }: ListedDevice) {
  return [token, uuid === null ? null : uuidOctets(uuid), serialNumber, keyHash, null]
}

/** An entry that the device has used, otherwise one that nobody has used, otherwise one of another device. */
async function find(db: Kysely<Schema>, token: string, device: ListedDevice): Promise<number | null> {
  const { serialNumber, keyHash } = device
  const uuid = device.uuid === null ? null : uuidOctets(device.uuid)
  const columns = [
    ['uuid', uuid],
    ['serial_number', serialNumber],
    ['key_hash', keyHash],
  ] as const
  // Each by way of its index; then what names something else is left out.
  const [first, ...others] = columns.flatMap(([column, value]) =>
    value === null
      ? []
      : [db.selectFrom('listed_devices').select('id').where('token', '=', token).where(column, '=', value)],
  )
  if (first === undefined) return null
  const row = await db
    .selectFrom('listed_devices')
    .select('id')
    .where(
      'id',
      'in',
      others.reduce((all, one) => all.unionAll(one), first),
    )
    .where((is) =>
      is.and(
        columns.map(([column, value]) =>
          value === null ? is(column, 'is', null) : is.or([is(column, 'is', null), is(column, '=', value)]),
        ),
      ),
    )
    .orderBy(sql<number>`case when used_by = ${uuid} then 0 when used_by is null then 1 else 2 end`)
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? null : integer(row.id, 'listed_devices.id')
}
