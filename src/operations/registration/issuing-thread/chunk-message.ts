import { packRows, unpackRows } from '../../../issuance/device-batch/packed-rows.js'
import type { WantedDevice } from '../../devices/issue/terms.js'
import type { DeviceResult } from '../../devices/model.js'

/** Values as JSON, and the octets that belong to them: two things to post instead of twenty for each device. */
export interface Packed {
  readonly json: string
  readonly octets: ArrayBuffer
}

/** Devices that are to be issued, each with a request. */
export function packDevices(devices: readonly WantedDevice[]): Packed {
  const orders = devices.map(({ order }) => order ?? hasNoRequest())
  return {
    json: JSON.stringify(devices.map((device) => ({ ...device, order: null }))),
    octets: packRows(orders.map(({ subject, spki, keyHash }) => [subject, spki, keyHash])),
  }
}

/** What {@link packDevices} has packed. */
export function unpackDevices({ json, octets }: Packed): readonly WantedDevice[] {
  const devices: readonly WantedDevice[] = JSON.parse(json)
  const orders = unpackRows(octets)
  return devices.map((device, at) => {
    const [subject = NONE, spki = NONE, keyHash = NONE] = orders[at] ?? []
    return { ...device, order: { subject, spki, keyHash } }
  })
}

/** How devices ended. */
export function packResults(results: readonly DeviceResult[]): Packed {
  return {
    json: JSON.stringify(results.map((result) => ({ ...result, der: null }))),
    octets: packRows(results.map((result) => ['der' in result ? result.der : NONE])),
  }
}

/** What {@link packResults} has packed. */
export function unpackResults({ json, octets }: Packed): readonly DeviceResult[] {
  const results: readonly DeviceResult[] = JSON.parse(json)
  const certificates = unpackRows(octets)
  return results.map((result, at) =>
    result.kind === 'issued' || result.kind === 'reused' ? { ...result, der: certificates[at]?.[0] ?? NONE } : result,
  )
}

const NONE = new Uint8Array()

function hasNoRequest(): never {
  throw new Error('a device without a request cannot be posted')
}
