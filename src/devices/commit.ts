import type { Kysely, Transaction } from 'kysely'
import { FpkiError } from '../errors.js'
import { type Bulk, bulk, placeholders } from './bulk.js'
import { decide, type Entry, type Known, namesOf, type Order, type Settled, UNKNOWN } from './decide.js'
import type { Engine } from './engine.js'
import { type IssueTimes, issueTimes } from './issue-times.js'
import { requireLine } from './lines.js'
import type { LookUpAll } from './look-up.js'
import { proofChecks } from './proof-checks.js'
import { type Proofs, sqlProofs } from './proofs.js'
import { grantOf, takeFromQuota } from './quota.js'
import { Conflict, type Recorder, type Reissue, recorder } from './record.js'
import type { Line, NewCertificate } from './register.js'
import { integer, mapKey } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'
import { wavesOf } from './waves.js'

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
export function orders(
  db: Kysely<Schema>,
  engine: Engine,
  transactions: Transactions,
  lookUpAll: LookUpAll,
): RecordOrder {
  const tools = {
    lookUpAll,
    serials: certificatesBySerial(db),
    issueTimes: issueTimes(db),
    record: recorder(db),
    proofs: sqlProofs(db, engine),
  }
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
  readonly issueTimes: IssueTimes
  readonly record: Recorder
  readonly proofs: Proofs
  readonly isFirst: boolean
}

async function attempt(transaction: Transaction<Schema>, order: Order, tools: Tools): Promise<readonly Outcome[]> {
  const outcomes = new Map<Entry, Outcome>()
  const recorded = { devices: 0, certificates: 0 }
  for (const [at, wave] of wavesOf(order.entries, namesOf).entries()) {
    const isUnknown = tools.isFirst && at === 0
    // First the limits, then the devices: whoever finds that another process has used up a limit also finds for which devices.
    const whyNot = await proofsOf(transaction, order, wave, tools.proofs)
    const line = isUnknown ? null : await requireLine(transaction, order.line.name)
    const known = line === null ? null : { line, devices: await allKnown(transaction, wave, tools) }
    const plan = await planOf(transaction, order, { wave, known, pending: recorded.devices, whyNot })
    for (const { entry, outcome } of plan.settled) outcomes.set(entry, outcome)
    await recordPlan(transaction, order, plan, tools)
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

interface Wave {
  readonly wave: readonly Entry[]
  /** null: everything is taken for new. */
  readonly known: { readonly line: Line; readonly devices: readonly Known[] } | null
  /** How many new devices this transaction has recorded before. */
  readonly pending: number
  readonly whyNot: ReturnType<typeof proofChecks>
}

/** What is to become of a wave. */
interface Plan {
  readonly fresh: readonly Entry[]
  readonly reissued: readonly Reissue[]
  readonly settled: readonly SettledEntry[]
}

interface SettledEntry {
  readonly entry: Entry
  readonly outcome: Settled
}

async function recordPlan(
  transaction: Transaction<Schema>,
  { line, announce }: Order,
  { fresh, reissued }: Plan,
  { record, proofs }: Tools,
): Promise<void> {
  if (fresh.length + reissued.length === 0) return
  await record(transaction, { line: line.id, fresh, reissued, announce })
  const again = reissued.map(({ entry }) => entry)
  if (!hasProofs([...fresh, ...again])) return
  await proofs.take(transaction, { fresh: certificatesOf(fresh), reissued: certificatesOf(again) })
}

async function proofsOf(
  transaction: Transaction<Schema>,
  order: Order,
  wave: readonly Entry[],
  proofs: Proofs,
): Promise<Wave['whyNot']> {
  return hasProofs(wave) ? proofChecks(await proofs.read(transaction, certificatesOf(wave), order)) : () => null
}

async function planOf(transaction: Transaction<Schema>, order: Order, wave: Wave): Promise<Plan> {
  const { known, pending, whyNot } = wave
  if (known === null) {
    // What was taken for new may exist, and needs nothing of its token.
    if (wave.wave.some(({ certificate }) => whyNot(certificate, true) !== null))
      throw new Conflict('a proof is not enough')
    return { fresh: wave.wave, reissued: [], settled: [] }
  }
  const window = await reissueWindow(transaction, order.line.id)
  const { fresh, reissued, settled } = decideAll(wave.wave, known.devices, order, { window, whyNot })
  const { granted, isOpen, refusal } = grantOf(known.line, { ...order, devices: fresh.length }, pending)
  const left = [...fresh.slice(granted), ...(isOpen ? [] : reissued.map(({ entry }) => entry))]
  const refused =
    refusal === null ? [] : left.map((entry) => ({ entry, outcome: { kind: 'refused', refusal } as const }))
  return { fresh: fresh.slice(0, granted), reissued: isOpen ? reissued : [], settled: [...settled, ...refused] }
}

/** What the register has no reason to refuse, but perhaps the line's quota. */
function decideAll(
  wave: readonly Entry[],
  known: readonly Known[],
  order: Order,
  { window, whyNot }: { readonly window: number; readonly whyNot: ReturnType<typeof proofChecks> },
): Plan {
  const [fresh, reissued, settled]: [Entry[], Reissue[], SettledEntry[]] = [[], [], []]
  for (const [at, entry] of wave.entries()) {
    const itsKnown = known[at] ?? UNKNOWN
    const decision = decide(entry, itsKnown, order, window)
    if (decision.kind !== 'new' && decision.kind !== 'reissue') {
      settled.push({ entry, outcome: decision })
      continue
    }
    const refusal = whyNot(entry.certificate, decision.kind === 'new')
    if (refusal !== null) settled.push({ entry, outcome: { kind: 'refused', refusal } })
    else if (decision.kind === 'new') fresh.push(entry)
    else reissued.push(reissueOf(entry, itsKnown, order))
  }
  return { fresh, reissued, settled }
}

function hasProofs(entries: readonly Entry[]): boolean {
  return entries.some(({ certificate }) => certificate.proof !== null)
}

function certificatesOf(entries: readonly Entry[]): readonly NewCertificate[] {
  return entries.map(({ certificate }) => certificate)
}

function reissueOf(entry: Entry, { deviceId, device, keyOwner }: Known, { by }: Pick<Order, 'by'>): Reissue {
  if (deviceId === null || device === null) throw new Error('a device is issued again that does not exist')
  const isNewest = entry.issuedAt >= device.issuedAt
  return { entry, deviceId, hasKey: keyOwner !== null, isNewest, endsAll: by === 'this', replaced: device }
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
  { lookUpAll, serials, issueTimes }: Tools,
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
  const issued = await issueTimes(
    transaction,
    found.flatMap(({ deviceId }) => deviceId ?? []),
  )
  return found.map((one, at) => ({
    ...one,
    sameSerial: known.get(mapKey(wanted[at] ?? new Uint8Array())) ?? null,
    issuedAt: issued.get(one.deviceId ?? 0) ?? [],
  }))
}

function certificatesBySerial(db: Kysely<Schema>): Serials {
  return bulk((count) =>
    db
      .selectFrom('certificates')
      .select(['serial', 'der'])
      .where('serial', 'in', placeholders(count, new Uint8Array())),
  )
}
