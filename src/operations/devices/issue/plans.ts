import { keyConflict } from '../../../devices/decide.js'
import { refusedRow, reusedDevice } from './results.js'
import type { Plans, WantedDevice } from './terms.js'

/** Nothing planned yet. */
export function noPlans(): Plans {
  // Short strings, because there may be a million.
  const keys = new Map<string, string>()
  const owners = new Map<string, string>()
  const keyOf = ({ order }: Pick<WantedDevice, 'order'>) =>
    order === null ? '' : Buffer.from(order.keyHash.subarray(0, 16)).toString('latin1')
  return {
    add: (device) => {
      const key = keyOf(device)
      keys.set(device.uuid, key)
      if (key !== '') owners.set(key, device.uuid)
    },
    decide: (row, { line: { name: line, reissueWindow }, validity }, now) => {
      const { uuid, at, facts } = row
      const [key, planned] = [keyOf(row), keys.get(uuid)]
      if (planned === key) {
        const unsigned = { serial: '', der: new Uint8Array(), issuedAt: now, notAfter: validity.notAfter.getTime() }
        return reusedDevice(at, { uuid, ...facts }, unsigned)
      }
      const found = { device: null, certificate: null, keyOwner: owners.get(key) ?? null }
      const conflict = keyConflict(found, { uuid, issuedAt: now, line, reissueWindow, by: 'this', credential: null })
      if (conflict !== null) return refusedRow(at, uuid, conflict)
      return planned === undefined ? null : refusedRow(at, uuid, secondKeyOf(uuid))
    },
  }
}

/** Within a batch, a second key for a device is a mistake: nobody knows which of the two the device has. */
export function secondKeyOf(uuid: string) {
  return { code: 'uuid-taken', reason: `the device ${uuid} was issued for another key in this batch` } as const
}
