import { type Kysely, sql } from 'kysely'
import { orders, type RecordOrder } from './commit.js'
import { dayCounts } from './day-counts.js'
import type { Entry } from './decide.js'
import { deviceLocks } from './denials.js'
import { deviceChanges } from './device-changes.js'
import type { Engine } from './engine.js'
import { type Ids, idsOf } from './ids.js'
import { certificateImports } from './import-certificates.js'
import { keyImports } from './import-keys.js'
import { samples } from './inspection.js'
import { sqlJobs } from './jobs.js'
import { lifeCounts } from './life-counts.js'
import { sqlLines } from './lines.js'
import { deviceLists } from './list.js'
import { lookUps, selectDevices } from './look-up.js'
import { inUse } from './moved.js'
import type { Commit, CommitOutcome, DeviceDetails, DeviceRegister } from './register.js'
import { certificateOf, damaged, deviceOf, integer, uuidOctets } from './rows.js'
import { ownedBy, type RegisterOwner } from './same-root.js'
import type { Schema } from './schema.js'
import { sqlCredentials } from './sql-credentials.js'
import { sqlOutbox } from './sql-outbox.js'
import { sqlPresented } from './sql-presented.js'
import { sqlRenewals } from './sql-renewals.js'
import { sqlSeen } from './sql-seen.js'
import { sqlStatuses } from './sql-statuses.js'
import { type Transactions, transactionsOf } from './transactions.js'

/** The register in a SQL database whose schema is that of this version. `close` closes the connection. */
export function sqlRegister(
  db: Kysely<Schema>,
  engine: Engine,
  { close, damage, owner }: Pick<DeviceRegister, 'close' | 'damage'> & { readonly owner: RegisterOwner },
): DeviceRegister {
  const transactions = inUse(ownedBy(owner, transactionsOf(db, engine)))
  const lookUpAll = lookUps(db)
  const record = orders(db, engine, transactions, lookUpAll)
  const ids = idsOf(db, transactions)
  const lock = deviceLocks(db, engine)
  const changes = deviceChanges(lock, transactions)
  const seen = sqlSeen(db, lock, transactions)
  const importKeys = keyImports(db, transactions, lookUpAll)
  const lists = deviceLists(db)
  return {
    lines: sqlLines(db, transactions),
    jobs: sqlJobs(db, transactions),
    credentials: sqlCredentials(db, transactions),
    outbox: sqlOutbox(db, engine, transactions),
    ...changes,
    lookUp: async (requests) =>
      (await lookUpAll(db, requests)).map(({ device, certificate, keyOwner }) => ({ device, certificate, keyOwner })),
    commit: (commit) => commitOrder(record, ids, commit),
    importCertificates: certificateImports(record, ids, { seen, deny: changes.deny }),
    importKeys: async (keys) => importKeys({ ...keys, lineId: await ids.line(keys.line), ca: await ids.ca(keys.ca) }),
    device: (uuid) => deviceNamed(db, uuid),
    devices: (filter, skip = 0) => lists.devices(filter, skip),
    certificates: (filter) => lists.certificates(filter),
    count: (filter) => lists.count(filter),
    countByDay: () => dayCounts(db),
    head: async () => {
      const id = (await db.selectFrom('register').select('id').executeTakeFirst())?.id ?? damaged('register.id')
      const count = db.selectFrom('certificates').select(({ fn }) => fn.countAll().as('count'))
      return { id, certificates: integer((await count.executeTakeFirstOrThrow()).count, 'certificates') }
    },
    renew: sqlRenewals(db, lock, transactions, ids),
    presented: sqlPresented(db),
    seen,
    ...sqlStatuses(db),
    lifeCounts: lifeCounts(db),
    nextCrlNumber: async (ca) => nextCrlNumber(transactions, await ids.ca(ca)),
    sample: samples(db),
    damage,
    close,
  }
}

async function commitOrder(record: RecordOrder, ids: Ids, commit: Commit): Promise<readonly CommitOutcome[]> {
  const line = { id: await ids.line(commit.line), name: commit.line }
  const ca = await ids.ca(commit.ca)
  const state = 'active' as const
  const entries = commit.certificates.map(
    (certificate): Entry => ({ certificate, issuedAt: commit.at, state, endedAt: null, ca }),
  )
  const outcomes = await record({ line, entries, by: 'this', at: commit.at, announce: commit.announce })
  return outcomes.map((outcome) => {
    if (outcome === null) return { kind: 'committed' }
    if (outcome.kind === 'refused') return outcome
    if (outcome.certificate === undefined) throw new Error('an existing certificate has no octets')
    return { kind: 'existing', certificate: outcome.certificate }
  })
}

async function deviceNamed(db: Kysely<Schema>, uuid: string): Promise<DeviceDetails | null> {
  const row = await selectDevices(db).where('devices.uuid', '=', uuidOctets(uuid)).executeTakeFirst()
  if (row === undefined) return null
  const certificates = await db
    .selectFrom('certificates')
    .innerJoin('cas', 'cas.id', 'certificates.ca')
    .selectAll('certificates')
    .select('cas.fingerprint')
    .where('device', '=', row.id)
    .orderBy('certificates.id', 'desc')
    .execute()
  return { ...deviceOf(row), certificates: certificates.map((one) => ({ ...certificateOf(one), ca: one.fingerprint })) }
}

async function nextCrlNumber(transactions: Transactions, ca: number): Promise<number> {
  const row = await transactions((transaction) => {
    const update = transaction.updateTable('cas').set({ crl_number: sql`crl_number + 1` }).where('id', '=', ca)
    return update.returning('crl_number').executeTakeFirstOrThrow()
  })
  return integer(row.crl_number, 'cas.crl_number')
}
