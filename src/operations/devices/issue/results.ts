import type { Refusal } from '../../../devices/refusal.js'
import type { DeviceFacts, StoredCertificate } from '../../../devices/register.js'
import type { IssuedDevice, RefusedDevice } from '../model.js'

/** The result of a row that gets no certificate. */
export function refusedRow(at: string, uuid: string | null, { code, reason }: Refusal): RefusedDevice {
  return { kind: 'refused', at, uuid, code, reason }
}

/** The result for a device whose certificate the register has. */
export function reusedDevice(
  at: string,
  { uuid, name, group, hardwareId, serialNumber, isProduction }: DeviceFacts & { readonly uuid: string },
  { serial, der, issuedAt, notAfter }: Pick<StoredCertificate, 'serial' | 'der' | 'issuedAt' | 'notAfter'>,
): IssuedDevice {
  const facts = { name, group, hardwareId, serialNumber, isProduction }
  return { kind: 'reused', at, uuid, ...facts, serial, der, issuedAt, notAfter }
}

/** The element of a list that has one for each of its kind. */
export function at<T>(list: readonly T[], index: number): T {
  const element = list[index]
  if (element === undefined) throw new Error('an answer is missing in a batch')
  return element
}

/** The next of answers that are as many as their questions. */
export function next<T>(values: Iterator<T>): T {
  const { value, done } = values.next()
  if (done === true) throw new Error('an answer is missing in a batch')
  return value
}
