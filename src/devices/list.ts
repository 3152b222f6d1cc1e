import { type Expression, expressionBuilder, type Kysely, type SqlBool, sql } from 'kysely'
import { type Bulk, bulk, placeholders } from './bulk.js'
import { selectDevices } from './look-up.js'
import type { DeviceCertificate, DeviceCount, DeviceFilter, DeviceRecord } from './register.js'
import { type CertificateRow, certificateOf, type DeviceRow, deviceOf, integer } from './rows.js'
import type { Schema } from './schema.js'

/** How many devices are read at once: little memory, and few queries. */
const PAGE = 1024

/** Up to how many devices that a time narrows down are sorted at once, instead of reading all devices in their order. */
const SORTED_AT_ONCE = 50_000

/** Reads devices in pages. */
export interface DeviceLists {
  pages(filter: DeviceFilter, skip: number): AsyncGenerator<readonly DeviceRow[]>
  devices(filter: DeviceFilter, skip: number): AsyncGenerator<DeviceRecord>
  certificates(filter: DeviceFilter): AsyncGenerator<DeviceCertificate>
  count(filter: DeviceFilter): Promise<DeviceCount>
}

export function deviceLists(db: Kysely<Schema>): DeviceLists {
  const byId = bulk<DeviceRow>((count) => selectDevices(db).where('devices.id', 'in', placeholders(count, 0)))
  const newest = newestCertificates(db)
  const pages = (filter: DeviceFilter, skip: number) => devicePages(db, byId, { filter, skip })
  return {
    pages,
    devices: async function* (filter, skip) {
      for await (const page of pages(filter, skip)) yield* page.map(deviceOf)
    },
    certificates: async function* (filter) {
      for await (const page of pages(filter, 0)) {
        const found = (
          await newest.run(
            db,
            page.map(({ id }) => [id]),
          )
        ).rows
        const oldestFirst = found.toSorted((a, b) => a.id - b.id)
        const certificates = new Map(oldestFirst.map((row) => [row.device, row]))
        for (const row of page) {
          const certificate = certificates.get(row.id)
          if (certificate !== undefined) yield { device: deviceOf(row), certificate: certificateOf(certificate) }
        }
      }
    },
    count: (filter) => count(db, filter),
  }
}

/** All certificates of devices: the newest has the highest id. */
function newestCertificates(
  db: Kysely<Schema>,
): Bulk<CertificateRow & { readonly id: number; readonly device: number }> {
  return bulk((count) => db.selectFrom('certificates').selectAll().where('device', 'in', placeholders(count, 0)))
}

async function* devicePages(
  db: Kysely<Schema>,
  byId: Bulk<DeviceRow>,
  { filter, skip }: { readonly filter: DeviceFilter; readonly skip: number },
): AsyncGenerator<readonly DeviceRow[]> {
  const ids = await narrowIds(db, filter)
  if (ids === null) {
    const after = skip === 0 ? new Uint8Array() : await uuidAt(db, filter, skip - 1)
    if (after !== null) yield* allPages(db, filter, after)
    return
  }
  for (let begin = skip; begin < ids.length; begin += PAGE) {
    const page = await byId.run(
      db,
      ids.slice(begin, begin + PAGE).map((id) => [id]),
    )
    yield page.rows.toSorted((a, b) => Buffer.compare(a.uuid, b.uuid))
  }
}

/**
 * The devices in the order of their UUIDs, when a time or a name narrows them down to few; otherwise null. Sorted here, and by
 * way of a subquery: the database would rather read all devices in their order, or all of a line, and leave out most.
 */
async function narrowIds(db: Kysely<Schema>, filter: DeviceFilter): Promise<readonly number[] | null> {
  if (!isNarrow(filter)) return null
  const narrow = db
    .selectFrom('devices')
    .select('id')
    .where(matching(narrowingOf(filter)))
  if ((await narrow.limit(SORTED_AT_ONCE + 1).execute()).length > SORTED_AT_ONCE) return null
  const rows = await db
    .selectFrom('devices')
    .select(['id', 'uuid'])
    .where('id', 'in', narrow)
    .where(matching(filter))
    .execute()
  return rows.sort((a, b) => Buffer.compare(a.uuid, b.uuid)).map(({ id }) => integer(id, 'devices.id'))
}

function isNarrow({ name, since, until, expiringBefore }: DeviceFilter): boolean {
  return name !== null || since !== null || until !== null || expiringBefore !== null
}

/** The filter without what many devices have in common. */
function narrowingOf(filter: DeviceFilter): DeviceFilter {
  return { ...filter, line: null, ca: null, state: null, hardwareId: null }
}

/** The UUID of the device at this position of a list; null: the list is shorter. */
async function uuidAt(db: Kysely<Schema>, filter: DeviceFilter, position: number): Promise<Uint8Array | null> {
  const list = db.selectFrom('devices').select('uuid').where(matching(filter)).orderBy('uuid')
  return (await list.limit(1).offset(position).executeTakeFirst())?.uuid ?? null
}

/**
 * Goes through all devices in the order of their UUIDs and leaves out what is not wanted. The database would rather read
 * by an index of what is wanted and sort everything again for each page, if the page were not cut off first.
 */
async function* allPages(
  db: Kysely<Schema>,
  filter: DeviceFilter,
  begin: Uint8Array,
): AsyncGenerator<readonly DeviceRow[]> {
  for (let after = begin; ; ) {
    const next = db.selectFrom('devices').where('uuid', '>', after).orderBy('uuid').limit(PAGE)
    const last = (await next.select('uuid').execute()).at(-1)
    if (last === undefined) return
    const page = await selectDevices(db).where('devices.id', 'in', next.select('id')).where(matching(filter)).execute()
    yield page.toSorted((a, b) => Buffer.compare(a.uuid, b.uuid))
    after = last.uuid
  }
}

async function count(db: Kysely<Schema>, filter: DeviceFilter): Promise<DeviceCount> {
  const row = await db
    .selectFrom('devices')
    .where(matching(filter))
    .select(({ fn }) => [fn.countAll().as('devices'), fn.sum('is_production').as('production')])
    .executeTakeFirstOrThrow()
  return {
    devices: integer(row.devices, 'devices'),
    production: integer(row.production ?? 0, 'devices.is_production'),
  }
}

/**
 * The devices that a filter means. The sum keeps the database from reading all devices of a line by the index of lines, when
 * a time or a page means few of them.
 */
function matching(filter: DeviceFilter): Expression<SqlBool> {
  const is = expressionBuilder<Schema, 'devices'>()
  const { line, ca, state, hardwareId, name, since, until, expiringBefore } = filter
  return is.and([
    ...(line === null
      ? []
      : [is(sql`devices.line + 0`, '=', is.selectFrom('lines').select('id').where('name', '=', line))]),
    ...(ca === null ? [] : [is('devices.ca', '=', is.selectFrom('cas').select('id').where('fingerprint', '=', ca))]),
    ...(state === null ? [] : [is('devices.state', 'in', [state].flat())]),
    ...(hardwareId === null ? [] : [is('devices.hardware_id', '=', hardwareId)]),
    ...(name === null ? [] : [is('devices.name', '=', name)]),
    ...(since === null ? [] : [is('devices.issued_at', '>=', since)]),
    ...(until === null ? [] : [is('devices.issued_at', '<', until)]),
    ...(expiringBefore === null ? [] : [is('devices.not_after', '<', expiringBefore)]),
  ])
}
