import { ALL_DEVICES, type DeviceDetails, type DeviceRegister } from '../../devices/register.js'
import { toUuid } from '../../pki/device-policy.js'
import { NOT_DENIED } from './list-devices.js'

/** How a request names a device. */
export interface DeviceName {
  readonly text: string
  readonly isUuid: boolean
}

/** The device that a request names; `ambiguous`: several have the name; null: there is none, or it is denied. */
export async function findDevice(
  register: DeviceRegister,
  { text, isUuid }: DeviceName,
): Promise<DeviceDetails | 'ambiguous' | null> {
  const uuid = toUuid(text)
  const device = uuid === null ? null : await register.device(uuid)
  if (isUuid || device?.name === uuid) return device?.state === 'denied' ? null : device
  const [first, second] = await uuidsNamed(register, text)
  if (second !== undefined) return 'ambiguous'
  return first === undefined ? null : register.device(first)
}

/** Whether a name is another device's; that of a device without one is its UUID. */
export async function isNameTaken(register: DeviceRegister, name: string, uuid: string): Promise<boolean> {
  const asUuid = toUuid(name)
  if (asUuid !== null) return asUuid !== uuid
  return (await uuidsNamed(register, name)).some((other) => other !== uuid)
}

/** Up to two devices with a name. */
async function uuidsNamed(register: DeviceRegister, name: string): Promise<readonly string[]> {
  const uuids: string[] = []
  for await (const { uuid } of register.devices({ ...ALL_DEVICES, name, state: NOT_DENIED })) {
    uuids.push(uuid)
    if (uuids.length === 2) break
  }
  return uuids
}
