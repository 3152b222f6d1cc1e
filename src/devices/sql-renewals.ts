import type { Kysely, Transaction } from 'kysely'
import { FpkiError } from '../errors.js'
import { type Bulk, bulk, placeholders } from './bulk.js'
import { decideRenewal, type RenewalDecision } from './decide-renewal.js'
import type { LockDevices } from './denials.js'
import type { Ids } from './ids.js'
import { Conflict } from './record.js'
import { type AcceptedRenewal, renewalRecorder } from './record-renewals.js'
import type { CommitOutcome, DeviceRegister } from './register.js'
import type { Renewals, RenewedCertificate } from './renewal.js'
import { type ReadForRenewal, readsForRenewal } from './renewal-rows.js'
import { type CertificateRow, certificateOf, uuidOctets } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'
import { wavesOf } from './waves.js'

/** How often a transaction is tried in which another process was first. */
const TRIES = 100

/**
 * Records renewals. The devices are locked before anything is decided, so that nobody changes them or their certificates
 * meanwhile; only devices and keys that do not exist yet may still be recorded by another process, which is a {@link Conflict}.
 */
export function sqlRenewals(
  db: Kysely<Schema>,
  lock: LockDevices,
  transactions: Transactions,
  ids: Ids,
): DeviceRegister['renew'] {
  const stored = bulk<CertificateRow & { readonly id: number }>((count) =>
    db.selectFrom('certificates').selectAll().where('id', 'in', placeholders(count, 0)),
  )
  const tools = { lock, read: readsForRenewal(db), record: renewalRecorder(db), stored }
  return async (renewals) => {
    const accept = await acceptance(ids, renewals)
    for (let tries = 1; ; tries++) {
      try {
        return await transactions((transaction) => attempt(transaction, renewals, { ...tools, accept }))
      } catch (error) {
        throwUnlessAgain(error, tries)
      }
    }
  }
}

interface Tools {
  readonly lock: LockDevices
  readonly read: ReadForRenewal
  readonly record: ReturnType<typeof renewalRecorder>
  readonly stored: Bulk<CertificateRow & { readonly id: number }>
  readonly accept: (
    renewed: RenewedCertificate,
    decision: RenewalDecision & { readonly kind: 'renew' },
  ) => AcceptedRenewal
}

async function attempt(
  transaction: Transaction<Schema>,
  { certificates, at, overlap }: Renewals,
  { lock, read, record, stored, accept }: Tools,
): Promise<readonly CommitOutcome[]> {
  const uuids = [...new Set(certificates.map(({ uuid }) => uuid))].sort()
  await lock(transaction, uuids.map(uuidOctets))
  const decisions = new Map<RenewedCertificate, RenewalDecision>()
  for (const wave of wavesOf(certificates, namesOf)) {
    const known = await read(transaction, wave)
    const accepted: AcceptedRenewal[] = []
    for (const [index, renewed] of wave.entries()) {
      const itsKnown = known[index]
      if (itsKnown === undefined) throw new Error('a renewal was not looked up')
      const decision = decideRenewal(renewed, itsKnown, at)
      decisions.set(renewed, decision)
      if (decision.kind === 'renew') accepted.push(accept(renewed, decision))
    }
    if (accepted.length > 0) await record(transaction, accepted, { at, end: at + overlap })
  }
  return outcomesOf(
    transaction,
    certificates.map((renewed) => decisions.get(renewed)),
    stored,
  )
}

async function outcomesOf(
  transaction: Transaction<Schema>,
  decisions: readonly (RenewalDecision | undefined)[],
  stored: Tools['stored'],
): Promise<readonly CommitOutcome[]> {
  const ids = decisions.flatMap((one) => (one?.kind === 'existing' ? [one.certificate] : []))
  const { rows } = await stored.run(
    transaction,
    ids.map((id) => [id]),
  )
  const existing = new Map(rows.map((row) => [Number(row.id), certificateOf(row)]))
  return decisions.map((decision): CommitOutcome => {
    if (decision?.kind === 'renew') return { kind: 'committed' }
    if (decision?.kind === 'refused') return decision
    const certificate = existing.get(decision?.certificate ?? 0)
    if (certificate === undefined) throw new Error('a renewal was not decided')
    return { kind: 'existing', certificate }
  })
}

/** The rows of lines and CAs are looked up before the transaction. */
async function acceptance(ids: Ids, { certificates }: Renewals): Promise<Tools['accept']> {
  const [cas, lines] = [new Map<string, number>(), new Map<string, number>()]
  for (const { ca, adopted } of certificates) {
    cas.set(ca, await ids.ca(ca))
    if (adopted === null) continue
    cas.set(adopted.ca, await ids.ca(adopted.ca))
    lines.set(adopted.line, await ids.line(adopted.line))
  }
  const rowOf = (rows: ReadonlyMap<string, number>, name: string) => {
    const row = rows.get(name)
    if (row === undefined) throw new Error(`${name} was not looked up`)
    return row
  }
  return (renewed, { kind: _, ...rows }) => {
    const { adopted } = renewed
    if (rows.presented === null && adopted === null) throw new Error('a renewal has nothing that is renewed')
    return {
      ...{ renewed, ...rows, ca: rowOf(cas, renewed.ca) },
      adopted:
        rows.presented === null && adopted !== null
          ? { ...adopted, line: rowOf(lines, adopted.line), ca: rowOf(cas, adopted.ca) }
          : null,
    }
  }
}

/** What a renewal has for itself alone, see wavesOf. */
function namesOf({ uuid, keyHash, serial, presented, adopted }: RenewedCertificate): readonly string[] {
  const keys = adopted === null ? [keyHash] : [keyHash, adopted.keyHash]
  const hex = new Set(keys.map((key) => Buffer.from(key).toString('hex')))
  return [uuid, ...hex, `serial ${serial}`, `serial ${presented}`]
}

/** Throws unless another process was first, and it may be tried again. */
function throwUnlessAgain(error: unknown, tries: number): void {
  if (!(error instanceof Conflict)) throw error
  if (tries < TRIES) return
  throw new FpkiError(
    'ERR_LOCKED',
    `Other processes kept recording the same devices or keys, ${TRIES} times.`,
    'Nothing was recorded. Send the same requests again.',
  )
}
