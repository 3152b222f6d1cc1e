import type { Kysely } from 'kysely'
import { type Outcome, orders, type RecordOrder } from './commit.js'
import { dayCounts } from './day-counts.js'
import type { Entry } from './decide.js'
import { deviceChanges } from './device-changes.js'
import type { Engine } from './engine.js'
import { keyImports } from './import-keys.js'
import { samples } from './inspection.js'
import { sqlJobs } from './jobs.js'
import { noSuchLine } from './line-errors.js'
import { sqlLines } from './lines.js'
import { deviceLists } from './list.js'
import { lookUps, selectDevices } from './look-up.js'
import { inUse } from './moved.js'
import type {
  Commit,
  CommitOutcome,
  DeviceDetails,
  DeviceRegister,
  ImportedCertificate,
  ImportOutcome,
} from './register.js'
import { certificateOf, damaged, deviceOf, integer, uuidOctets } from './rows.js'
import type { Schema } from './schema.js'
import { sqlCredentials } from './sql-credentials.js'
import { sqlOutbox } from './sql-outbox.js'
import { type Transactions, transactionsOf } from './transactions.js'

/** The register in a SQL database whose schema is that of this version. `close` closes the connection. */
export function sqlRegister(
  db: Kysely<Schema>,
  engine: Engine,
  { close, damage }: Pick<DeviceRegister, 'close' | 'damage'>,
): DeviceRegister {
  const transactions = inUse(transactionsOf(db, engine))
  const lookUpAll = lookUps(db)
  const record = orders(db, engine, transactions, lookUpAll)
  const ids = idsOf(db, transactions)
  const importKeys = keyImports(db, transactions, lookUpAll)
  const lists = deviceLists(db)
  return {
    lines: sqlLines(db, transactions),
    jobs: sqlJobs(db, transactions),
    credentials: sqlCredentials(db, transactions),
    outbox: sqlOutbox(db, engine, transactions),
    ...deviceChanges(engine, transactions),
    lookUp: async (requests) =>
      (await lookUpAll(db, requests)).map(({ device, certificate, keyOwner }) => ({ device, certificate, keyOwner })),
    commit: (commit) => commitOrder(record, ids, commit),
    importCertificates: (certificates) => importAll(record, ids, certificates),
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
    renew: notYet,
    presented: notYet,
    seen: notYet,
    statuses: notYet,
    revoked: notYet,
    allStatuses: notYet,
    lifeCounts: notYet,
    nextCrlNumber: notYet,
    sample: samples(db),
    damage,
    close,
  }
}

async function commitOrder(record: RecordOrder, ids: Ids, commit: Commit): Promise<readonly CommitOutcome[]> {
  const line = { id: await ids.line(commit.line), name: commit.line }
  const ca = await ids.ca(commit.ca)
  const state = 'active' as const
  const entries = commit.certificates.map((certificate): Entry => ({ certificate, issuedAt: commit.at, state, ca }))
  const outcomes = await record({ line, entries, by: 'this', at: commit.at, announce: commit.announce })
  return outcomes.map((outcome) => {
    if (outcome === null) return { kind: 'committed' }
    if (outcome.kind === 'refused') return outcome
    if (outcome.certificate === undefined) throw new Error('an existing certificate has no octets')
    return { kind: 'existing', certificate: outcome.certificate }
  })
}

/** One transaction for each line, because each line has a quota. */
async function importAll(
  record: RecordOrder,
  ids: Ids,
  certificates: readonly ImportedCertificate[],
): Promise<readonly ImportOutcome[]> {
  const outcomes = new Map<ImportedCertificate, Outcome>()
  for (const name of new Set(certificates.map(({ line }) => line))) {
    const own = certificates.filter(({ line }) => line === name)
    const entries: Entry[] = []
    for (const certificate of own) {
      const { issuedAt, state } = certificate
      entries.push({ certificate: { ...certificate, proof: null }, issuedAt, state, ca: await ids.ca(certificate.ca) })
    }
    const line = { id: await ids.line(name), name }
    const recorded = await record({ line, entries, by: 'kit', at: 0, announce: false })
    for (const [at, certificate] of own.entries()) outcomes.set(certificate, recorded[at] ?? null)
  }
  return certificates.map((certificate) => {
    const outcome = outcomes.get(certificate) ?? null
    if (outcome === null) return { kind: 'imported' }
    return outcome.kind === 'existing' ? { kind: 'existing' } : outcome
  })
}

/** The rows of lines and CAs, which are never removed. */
interface Ids {
  line(name: string): Promise<number>
  ca(fingerprint: string): Promise<number>
}

function idsOf(db: Kysely<Schema>, transactions: Transactions): Ids {
  const [lines, cas] = [new Map<string, number>(), new Map<string, number>()]
  return {
    line: async (name) => {
      const cached = lines.get(name)
      if (cached !== undefined) return cached
      const row = await db.selectFrom('lines').select('id').where('name', '=', name).executeTakeFirst()
      if (row === undefined) throw noSuchLine(name)
      lines.set(name, integer(row.id, 'lines.id'))
      return row.id
    },
    ca: async (fingerprint) => {
      const cached = cas.get(fingerprint)
      if (cached !== undefined) return cached
      const row = await transactions(async (transaction) => {
        const insert = transaction.insertInto('cas').values({ fingerprint })
        await insert.onConflict((conflict) => conflict.doNothing()).execute()
        const select = transaction.selectFrom('cas').select('id').where('fingerprint', '=', fingerprint)
        return select.executeTakeFirstOrThrow()
      })
      cas.set(fingerprint, integer(row.id, 'cas.id'))
      return row.id
    },
  }
}

async function deviceNamed(db: Kysely<Schema>, uuid: string): Promise<DeviceDetails | null> {
  const row = await selectDevices(db).where('devices.uuid', '=', uuidOctets(uuid)).executeTakeFirst()
  if (row === undefined) return null
  const certificates = db.selectFrom('certificates').selectAll().where('device', '=', row.id).orderBy('id', 'desc')
  return { ...deviceOf(row), certificates: (await certificates.execute()).map(certificateOf) }
}

function notYet(): never {
  throw new Error('not implemented yet')
}
