import type { Kysely, Transaction } from 'kysely'
import { FpkiError } from '../errors.js'
import { type Bulk, bulk, placeholders } from './bulk.js'
import { decide, type Entry, type Known, type Order, type Settled, UNKNOWN, wavesOf } from './decide.js'
import type { LookUpAll } from './look-up.js'
import { grantOf, takeFromQuota } from './quota.js'
import { Conflict, type Recorder, type Reissue, recorder } from './record.js'
import { integer, mapKey } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** What became of an entry; null: it is recorded. */
export type Outcome = Settled | null

/** Records an order in one transaction; the outcomes are in the order of its entries. */
export type RecordOrder = (order: Order) => Promise<readonly Outcome[]>

/**
 * How often a transaction is tried in which another process was first. In SQLite the second attempt decides; elsewhere each
 * further one means that another process has recorded something.
 */
const TRIES = 100

/**
 * Records what the UNIQUE constraints let in. The first attempt takes everything for new, which is true of nearly every
 * batch: only when a row is in the way, or the quota is not enough, is the transaction rolled back, and everything looked
 * up. The quota is taken last: its row is locked for as short as possible, and after all other rows, always in this order.
 */
export function orders(db: Kysely<Schema>, transactions: Transactions, lookUpAll: LookUpAll): RecordOrder {
  const tools = { lookUpAll, serials: certificatesBySerial(db), record: recorder(db) }
  return async (order) => {
    for (let tries = 1; ; tries++) {
      try {
        return await transactions((transaction) => attempt(transaction, order, { ...tools, isFirst: tries === 1 }))
      } catch (error) {
        throwUnlessAgain(error, tries, order)
      }
    }
  }
}

interface Tools {
  readonly lookUpAll: LookUpAll
  readonly serials: Serials
  readonly record: Recorder
  readonly isFirst: boolean
}

async function attempt(transaction: Transaction<Schema>, order: Order, tools: Tools): Promise<readonly Outcome[]> {
  const outcomes = new Map<Entry, Outcome>()
  const recorded = { devices: 0, certificates: 0 }
  for (const [at, wave] of wavesOf(order.entries).entries()) {
    const isUnknown = tools.isFirst && at === 0
    const plan = isUnknown
      ? allNew(wave)
      : await planOf(transaction, order, wave, { ...tools, pending: recorded.devices })
    for (const { entry, outcome } of plan.settled) outcomes.set(entry, outcome)
    await tools.record(transaction, { line: order.line.id, ...plan })
    recorded.devices += plan.fresh.length
    recorded.certificates += plan.fresh.length + plan.reissued.length
  }
  if (recorded.certificates > 0) {
    const { line, at, by } = order
    const isTaken = await takeFromQuota(transaction, { line: line.name, devices: recorded.devices, at, by })
    if (!isTaken) throw new Conflict('the quota is not enough')
  }
  return order.entries.map((entry) => outcomes.get(entry) ?? null)
}

/** What is to become of a wave. */
interface Plan {
  readonly fresh: readonly Entry[]
  readonly reissued: readonly Reissue[]
  readonly settled: readonly { readonly entry: Entry; readonly outcome: Settled }[]
}

function allNew(wave: readonly Entry[]): Plan {
  return { fresh: wave, reissued: [], settled: [] }
}

async function planOf(
  transaction: Transaction<Schema>,
  order: Order,
  wave: readonly Entry[],
  tools: Tools & { readonly pending: number },
): Promise<Plan> {
  const known = await allKnown(transaction, wave, tools)
  const window = await reissueWindow(transaction, order.line.id)
  const wanted = { new: [] as Entry[], reissue: [] as Reissue[] }
  const settled: { readonly entry: Entry; readonly outcome: Settled }[] = []
  for (const [at, entry] of wave.entries()) {
    const itsKnown = known[at] ?? UNKNOWN
    const decision = decide(entry, itsKnown, order, window)
    if (decision.kind === 'new') wanted.new.push(entry)
    else if (decision.kind === 'reissue') wanted.reissue.push(reissueOf(entry, itsKnown))
    else settled.push({ entry, outcome: decision })
  }
  const { line, at, by } = order
  const demand = { line: line.name, devices: wanted.new.length, at, by }
  const { granted, isOpen, refusal } = await grantOf(transaction, demand, tools.pending)
  const [fresh, reissued] = [wanted.new.slice(0, granted), isOpen ? wanted.reissue : []]
  const left = [...wanted.new.slice(granted), ...(isOpen ? [] : wanted.reissue.map(({ entry }) => entry))]
  if (refusal !== null) for (const entry of left) settled.push({ entry, outcome: { kind: 'refused', refusal } })
  return { fresh, reissued, settled }
}

function reissueOf(entry: Entry, { deviceId, device, keyOwner }: Known): Reissue {
  if (deviceId === null || device === null) throw new Error('a device is issued again that does not exist')
  const isNewest = entry.issuedAt >= device.issuedAt
  return { entry, deviceId, hasKey: keyOwner !== null, isNewest, replaced: device }
}

async function reissueWindow(transaction: Transaction<Schema>, line: number): Promise<number> {
  const query = transaction.selectFrom('lines').select('reissue_window').where('id', '=', line)
  return integer((await query.executeTakeFirstOrThrow()).reissue_window, 'lines.reissue_window')
}

/** Throws unless another process was first, and it may be tried again. */
function throwUnlessAgain(error: unknown, tries: number, { line }: Order): void {
  if (!(error instanceof Conflict)) throw error
  if (tries < TRIES) return
  throw new FpkiError(
    'ERR_LOCKED',
    `Other processes kept changing the same devices, or took the quota of the line ${line.name} first, ${TRIES} times.`,
    'Nothing was recorded. Run the same command again.',
  )
}

type Serials = Bulk<{ readonly serial: Uint8Array; readonly der: Uint8Array }>

async function allKnown(
  transaction: Transaction<Schema>,
  wave: readonly Entry[],
  { lookUpAll, serials }: Tools,
): Promise<readonly Known[]> {
  const found = await lookUpAll(
    transaction,
    wave.map(({ certificate }) => certificate),
  )
  const wanted = wave.map(({ certificate }) => Buffer.from(certificate.serial, 'hex'))
  const rows = await serials.run(
    transaction,
    wanted.map((serial) => [serial]),
  )
  const known = new Map(rows.rows.map(({ serial, der }) => [mapKey(serial), der]))
  return found.map((one, at) => ({ ...one, sameSerial: known.get(mapKey(wanted[at] ?? new Uint8Array())) ?? null }))
}

function certificatesBySerial(db: Kysely<Schema>): Serials {
  return bulk((count) =>
    db
      .selectFrom('certificates')
      .select(['serial', 'der'])
      .where('serial', 'in', placeholders(count, new Uint8Array())),
  )
}
