import type { Kysely, Transaction } from 'kysely'
import { keyConflict } from './decide.js'
import type { LookUpAll } from './look-up.js'
import { Conflict, insertDevices, insertKeys } from './record.js'
import type { DeviceKey, DeviceState, ImportedKeys, ImportOutcome } from './register.js'
import { integer, mapKey, uuidOctets } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** How often a transaction is tried in which another process was first. */
const TRIES = 10

/** {@link ImportedKeys} with the rows of their line and CA. */
type Import = Omit<ImportedKeys, 'ca'> & { readonly lineId: number; readonly ca: number }

/** Records keys in one transaction; the outcomes are in their order. */
export type ImportKeys = (keys: Import) => Promise<readonly ImportOutcome[]>

export function keyImports(db: Kysely<Schema>, transactions: Transactions, lookUpAll: LookUpAll): ImportKeys {
  const [devices, keys] = [insertDevices(db), insertKeys(db)]
  const attempt = async (transaction: Transaction<Schema>, wanted: Import): Promise<readonly ImportOutcome[]> => {
    const outcomes = await decideAll(transaction, wanted, lookUpAll)
    const fresh = wanted.keys.filter((_, at) => outcomes[at]?.kind === 'imported')
    const inserted = await devices.run(
      transaction,
      fresh.map(({ uuid }) => deviceParameters(uuid, wanted)),
    )
    const ids = new Map(inserted.rows.map(({ id, uuid }) => [mapKey(uuid), integer(id, 'devices.id')]))
    const owned = await keys.run(
      transaction,
      fresh
        .map(({ uuid, keyHash }) => [keyHash, ids.get(mapKey(uuidOctets(uuid))) ?? null])
        .filter(([, id]) => id !== null),
    )
    if (inserted.rows.length !== fresh.length || owned.changes !== fresh.length) throw new Conflict('a device exists')
    return outcomes
  }
  return async (wanted) => {
    for (let tries = 1; ; tries++) {
      try {
        return await transactions((transaction) => attempt(transaction, wanted))
      } catch (error) {
        if (!(error instanceof Conflict) || tries === TRIES) throw error
      }
    }
  }
}

/** What becomes of each key, when those before it in the list are recorded. */
async function decideAll(
  transaction: Transaction<Schema>,
  { keys, line, at }: Import,
  lookUpAll: LookUpAll,
): Promise<readonly ImportOutcome[]> {
  const found = await lookUpAll(transaction, keys)
  const [owners, keysOf] = [new Map<string, string>(), new Map<string, string>()]
  return keys.map(({ uuid, keyHash }, index): ImportOutcome => {
    const key = mapKey(keyHash)
    const { device = null, keyOwner = null } = found[index] ?? {}
    const owner = keyOwner ?? owners.get(key) ?? null
    if (owner === uuid) return { kind: 'existing' }
    const terms = { uuid, issuedAt: at, line, credential: null, reissueWindow: 0, by: 'this' } as const
    const refusal = keyConflict({ device, certificate: null, keyOwner: owner }, terms)
    if (refusal !== null) return { kind: 'refused', refusal }
    if (device !== null || keysOf.has(uuid)) return { kind: 'refused', refusal: hasOtherKey(uuid) }
    owners.set(key, uuid)
    keysOf.set(uuid, key)
    return { kind: 'imported' }
  })
}

function hasOtherKey(uuid: DeviceKey['uuid']) {
  return { code: 'uuid-taken', reason: `the device ${uuid} has another key here` } as const
}

/** In the order of insertDevices. */
function deviceParameters(uuid: string, { lineId, ca, at, notAfter }: Import) {
  const state: DeviceState = 'external'
  const [noName, noGroup, noHardwareId, noSerialNumber, noCredential] = [null, null, null, null, null]
  const facts = [noName, noGroup, noHardwareId, noSerialNumber, 0]
  return [uuidOctets(uuid), lineId, ca, ...facts, at, noCredential, state, at, notAfter]
}
