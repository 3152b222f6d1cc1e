import type { Kysely, Transaction } from 'kysely'
import { type Bulk, bulk, placeholders } from './bulk.js'
import { decide, type Entry, type Known, type Order, type Settled, UNKNOWN, wavesOf } from './decide.js'
import type { Engine } from './engine.js'
import type { LookUpAll } from './look-up.js'
import { proofChecks } from './proof-checks.js'
import { type Proofs, sqlProofs } from './proofs.js'
import { type Grant, takeFromQuota } from './quota.js'
import { Conflict, type Recorder, type Reissue, recorder } from './record.js'
import type { NewCertificate } from './register.js'
import { integer, mapKey } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** What became of an entry; null: it is recorded. */
export type Outcome = Settled | null

/** Records an order in one transaction; the outcomes are in the order of its entries. */
export type RecordOrder = (order: Order) => Promise<readonly Outcome[]>

/** How often a transaction is tried in which another process was first. In SQLite the second attempt decides. */
const TRIES = 10

/**
 * Records what the UNIQUE constraints let in. The first attempt takes everything for new, which is true of nearly every
 * batch: only when a row is in the way is the transaction rolled back, and everything looked up.
 */
export function orders(
  db: Kysely<Schema>,
  engine: Engine,
  transactions: Transactions,
  lookUpAll: LookUpAll,
): RecordOrder {
  const tools = { lookUpAll, serials: certificatesBySerial(db), record: recorder(db), proofs: sqlProofs(db, engine) }
  return async (order) => {
    for (let tries = 1; ; tries++) {
      try {
        return await transactions((transaction) => attempt(transaction, order, { ...tools, isFirst: tries === 1 }))
      } catch (error) {
        if (!(error instanceof Conflict) || tries === TRIES) throw error
      }
    }
  }
}

interface Tools {
  readonly lookUpAll: LookUpAll
  readonly serials: Serials
  readonly record: Recorder
  readonly proofs: Proofs
  readonly isFirst: boolean
}

async function attempt(transaction: Transaction<Schema>, order: Order, tools: Tools): Promise<readonly Outcome[]> {
  const outcomes = new Map<Entry, Outcome>()
  for (const [at, wave] of wavesOf(order.entries).entries()) {
    const isUnknown = tools.isFirst && at === 0
    const known = isUnknown ? wave.map(() => UNKNOWN) : await allKnown(transaction, wave, tools)
    await recordWave(transaction, order, { wave, known, outcomes, ...tools })
  }
  return order.entries.map((entry) => outcomes.get(entry) ?? null)
}

interface Wave {
  readonly wave: readonly Entry[]
  readonly known: readonly Known[]
  readonly outcomes: Map<Entry, Outcome>
  readonly record: Recorder
  readonly proofs: Proofs
}

/** An entry that the register has no reason to refuse. */
interface Wanted {
  readonly entry: Entry
  readonly known: Known
}

async function recordWave(transaction: Transaction<Schema>, order: Order, wave: Wave) {
  const { known, outcomes, record, proofs } = wave
  const { line, at, by, announce } = order
  const wanted = await wantedOf(transaction, order, wave)
  const devices = wanted.new.length
  if (devices + wanted.reissue.length === 0) return
  const grant = await takeFromQuota(transaction, { line: line.name, devices, at, by })
  // What was taken for new may exist, and needs no quota.
  if (grant.refusal !== null && known.includes(UNKNOWN)) throw new Conflict('the quota is not enough')
  const [fresh, reissued] = [wanted.new.slice(0, grant.granted), grant.isOpen ? wanted.reissue : []]
  refuse([...wanted.new.slice(grant.granted), ...(grant.isOpen ? [] : wanted.reissue)], grant, outcomes)
  const accepted = { fresh: fresh.map(({ entry }) => entry), reissued: reissued.map(reissueOf) }
  await record(transaction, { line: line.id, ...accepted, announce })
  if (hasProofs(wave.wave))
    await proofs.take(transaction, { fresh: certificatesOf(fresh), reissued: certificatesOf(reissued) })
}

/** What the register has no reason to refuse, but perhaps the line's quota. */
async function wantedOf(transaction: Transaction<Schema>, order: Order, { wave, known, outcomes, proofs }: Wave) {
  const window = await reissueWindow(transaction, order.line.id)
  const certificates = wave.map(({ certificate }) => certificate)
  const whyNot = hasProofs(wave) ? proofChecks(await proofs.read(transaction, certificates, order)) : () => null
  const wanted = { new: [] as Wanted[], reissue: [] as Wanted[] }
  for (const [index, entry] of wave.entries()) {
    const itsKnown = known[index] ?? UNKNOWN
    const decision = decide(entry, itsKnown, order, window)
    if (decision.kind !== 'new' && decision.kind !== 'reissue') {
      outcomes.set(entry, decision)
      continue
    }
    const refusal = whyNot(entry.certificate, decision.kind === 'new')
    // What was taken for new may exist, and needs nothing of its token.
    if (refusal !== null && itsKnown === UNKNOWN) throw new Conflict('a proof is not enough')
    if (refusal === null) wanted[decision.kind].push({ entry, known: itsKnown })
    else outcomes.set(entry, { kind: 'refused', refusal })
  }
  return wanted
}

function hasProofs(wave: readonly Entry[]): boolean {
  return wave.some(({ certificate }) => certificate.proof !== null)
}

function certificatesOf(wanted: readonly Wanted[]): readonly NewCertificate[] {
  return wanted.map(({ entry }) => entry.certificate)
}

function refuse(left: readonly Wanted[], { refusal }: Grant, outcomes: Map<Entry, Outcome>): void {
  if (refusal !== null) for (const { entry } of left) outcomes.set(entry, { kind: 'refused', refusal })
}

function reissueOf({ entry, known: { deviceId, device, keyOwner } }: Wanted): Reissue {
  if (deviceId === null || device === null) throw new Error('a device is issued again that does not exist')
  return { entry, deviceId, hasKey: keyOwner !== null, isNewest: entry.issuedAt >= device.issuedAt }
}

async function reissueWindow(transaction: Transaction<Schema>, line: number): Promise<number> {
  const query = transaction.selectFrom('lines').select('reissue_window').where('id', '=', line)
  return integer((await query.executeTakeFirstOrThrow()).reissue_window, 'lines.reissue_window')
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
