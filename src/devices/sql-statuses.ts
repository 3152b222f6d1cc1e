import { type Expression, type Kysely, type SqlBool, sql } from 'kysely'
import { bulk, placeholders } from './bulk.js'
import type { CertificateStatus, RevokedFilter } from './denial.js'
import type { DeviceRegister } from './register.js'
import { integer, octets, serialHex, time } from './rows.js'
import type { Schema } from './schema.js'
import { STATUS_COLUMNS, type StatusRow, statusOf } from './status-rows.js'

/** How many rows are read at once: little memory, and few queries. */
const PAGE = 1024

/** The status of certificates in a SQL database. */
export function sqlStatuses(db: Kysely<Schema>): Pick<DeviceRegister, 'statuses' | 'revoked' | 'allStatuses'> {
  const bySerial = bulk<StatusRow>((count) =>
    selectStatuses(db).where('certificates.serial', 'in', placeholders(count, new Uint8Array())),
  )
  return {
    statuses: async (serials, at) => {
      const { rows } = await bySerial.run(
        db,
        serials.map((serial) => [Buffer.from(serial, 'hex')]),
      )
      const cas = await fingerprints(db)
      const found = new Map(rows.map((row) => [serialHex(row.serial), statusOf(row, cas, at)]))
      return serials.map((serial) => found.get(serial) ?? null)
    },
    revoked: async function* (filter) {
      const cas = await fingerprints(db)
      yield* ofDeniedDevices(db, cas, filter)
      yield* endedCertificates(db, cas, filter)
    },
    allStatuses: (filter) => allStatuses(db, filter),
  }
}

function selectStatuses(db: Kysely<Schema>) {
  const joined = db.selectFrom('certificates').innerJoin('devices', 'devices.id', 'certificates.device')
  return joined.select([...STATUS_COLUMNS])
}

/** The fingerprints of the device CAs, by their rows. */
async function fingerprints(db: Kysely<Schema>): Promise<ReadonlyMap<number, string>> {
  const rows = await db.selectFrom('cas').select(['id', 'fingerprint']).execute()
  return new Map(rows.map(({ id, fingerprint }) => [integer(id, 'cas.id'), fingerprint]))
}

function isMeant({ ca, notAfter }: CertificateStatus, filter: RevokedFilter): boolean {
  return notAfter > filter.at && (filter.ca === null || ca === filter.ca)
}

/** The certificates of denied devices, without {@link endedCertificates}. */
async function* ofDeniedDevices(
  db: Kysely<Schema>,
  cas: ReadonlyMap<number, string>,
  filter: RevokedFilter,
): AsyncGenerator<CertificateStatus> {
  for (let after = 0; ; ) {
    const denied = db.selectFrom('devices').select('id').where('denied_at', 'is not', null)
    const ids = denied.where('id', '>', after).orderBy('id').limit(PAGE)
    const last = (await ids.execute()).at(-1)
    if (last === undefined) return
    const page = await selectStatuses(db)
      .where('devices.id', 'in', ids)
      .where((is) => is.or([is('ended_at', 'is', null), is('ended_at', '>', filter.at)]))
      .execute()
    yield* page.map((row) => statusOf(row, cas, filter.at)).filter((status) => isMeant(status, filter))
    after = integer(last.id, 'devices.id')
  }
}

/** Certificates that were superseded or abandoned by then, whether or not their device is denied. */
async function* endedCertificates(
  db: Kysely<Schema>,
  cas: ReadonlyMap<number, string>,
  filter: RevokedFilter,
): AsyncGenerator<CertificateStatus> {
  const page = (where: Expression<SqlBool>) =>
    selectStatuses(db)
      .select('certificates.id')
      .where(where)
      .orderBy('certificates.ended_at')
      .orderBy('certificates.id')
      .limit(PAGE)
      .execute()
  for (let end = Number.MIN_SAFE_INTEGER; ; ) {
    const rows = await page(sql`certificates.ended_at > ${end} and certificates.ended_at <= ${filter.at}`)
    // Those that ended at the same time as the last one: any number, when a command has ended them.
    for (let more = rows; more.length > 0; ) {
      yield* more.map((row) => statusOf(row, cas, filter.at)).filter((status) => isMeant(status, filter))
      const last = more.at(-1)
      end = time(last?.ended_at, 'certificates.ended_at')
      more = await page(sql`certificates.ended_at = ${end} and certificates.id > ${last?.id}`)
    }
    if (rows.length === 0) return
  }
}

async function* allStatuses(db: Kysely<Schema>, filter: RevokedFilter) {
  const cas = await fingerprints(db)
  for (let after = 0; ; ) {
    const page = await selectStatuses(db)
      .select(['certificates.id', 'certificates.der'])
      .where('certificates.id', '>', after)
      .orderBy('certificates.id')
      .limit(PAGE)
      .execute()
    for (const row of page) {
      const status = statusOf(row, cas, filter.at)
      if (isMeant(status, filter)) yield { ...status, der: octets(row.der, 'certificates.der') }
    }
    const last = page.at(-1)
    if (last === undefined) return
    after = integer(last.id, 'certificates.id')
  }
}
