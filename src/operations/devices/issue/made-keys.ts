import { deviceConflict } from '../../../devices/decide.js'
import type { Refusal } from '../../../devices/refusal.js'
import type { DeviceRecord } from '../../../devices/register.js'
import { deviceOrder } from '../../../issuance/device-batch/device-subject.js'
import type { DeviceOutput } from '../model.js'
import type { IssueChunkPorts, NewDevice, OrderedDevice, RoundTerms, WantedDevice } from './terms.js'

/**
 * The rows with the keys that are in their places already: of an earlier run that was interrupted, or finished. A key is
 * never replaced; the one that is there is certified.
 */
export async function withExistingKeys(
  rows: readonly WantedDevice[],
  factory: string,
  output: DeviceOutput | null,
): Promise<readonly WantedDevice[]> {
  const keys = output?.keys
  if (!keys) return rows
  return Promise.all(
    rows.map(async (row) => {
      const spki = await keys.read(row.uuid)
      if (spki === null) return row
      const { uuid, facts } = row
      return { ...row, order: deviceOrder(factory, { uuid, isProduction: facts.isProduction }, spki) }
    }),
  )
}

/** The devices for which the output has a folder, although the key is not in it. */
export async function foldersWithoutKeys(
  uuids: readonly string[],
  output: DeviceOutput | null,
): Promise<ReadonlySet<string>> {
  const has = await Promise.all(uuids.map(async (uuid) => (await output?.keys?.has(uuid)) === true))
  return new Set(uuids.filter((_, index) => has[index]))
}

/**
 * Why a device whose key is not in its place gets no new one; null: it does. The key may be on the device by now, or in another
 * output. So a new one is made only for a run that was interrupted, and in the line's reissue window where the device's folder
 * shows that the key was in this output.
 */
export function lostKeyRefusal(
  device: DeviceRecord,
  hasFolder: boolean,
  now: number,
  { line, interruptedSince }: RoundTerms,
): Refusal | null {
  const { uuid, state, issuedAt, credential } = device
  const refusal = deviceConflict(device, line.name)
  if (refusal !== null) return refusal
  if (state === 'external' || (credential !== null && state !== 'abandoned'))
    return { code: 'uuid-taken', reason: `the device ${uuid} has registered itself` }
  const isOfInterrupted = interruptedSince !== null && issuedAt >= interruptedSince
  const isInWindow = hasFolder && now - issuedAt < line.reissueWindow
  if (state === 'abandoned' || isOfInterrupted || isInWindow) return null
  return {
    code: 'uuid-taken',
    reason: `the device ${uuid} has a certificate from an earlier run, and its key is not in this output`,
  }
}

/** Makes the keys that are missing, and writes them to their places before anything is signed. */
export async function makeKeys(
  devices: readonly NewDevice[],
  { batches, output }: IssueChunkPorts,
): Promise<readonly OrderedDevice[]> {
  const missing = devices.filter(({ order }) => order === null)
  const made = await batches.makeKeys(missing.map(({ uuid, facts: { isProduction } }) => ({ uuid, isProduction })))
  if (made.length > 0) await output?.keys?.write(made)
  const byUuid = new Map(made.map((key) => [key.uuid, key]))
  return devices.map((device) => {
    const order = device.order ?? byUuid.get(device.uuid)
    if (order === undefined) throw new Error('a key is missing in a batch')
    const { subject, spki, keyHash } = order
    return { ...device, order: { subject, spki, keyHash } }
  })
}
