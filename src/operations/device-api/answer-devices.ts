import { ON_HOLD } from '../../devices/denial.js'
import type { DeviceRegister } from '../../devices/register.js'
import type { WireAnswer } from '../../factory/answer.js'
import type { FactoryApi } from '../../factory/api.js'
import { toUuid } from '../../pki/device-policy.js'
import type { Clock } from '../../ports.js'
import { deviceDetailsDocument, deviceDocument } from './device-document.js'
import { type DeviceName, findDevice, isNameTaken } from './find-device.js'
import { devicePage, NOT_DENIED, readDeviceQuery } from './list-devices.js'
import { nameProblem } from './names.js'
import { refused } from './refused.js'
import { wireDeviceChange } from './wire.js'

/** The devices of a factory. */
export interface FactoryDevices {
  readonly factory: string
  readonly api: FactoryApi
  /** null: the factory has no device register, or it does not exist yet. */
  readonly register: DeviceRegister | null
  readonly clock: Clock
}

/** A list that a client asks for. */
export interface ListRequest {
  readonly query: unknown
  /** `denied`: only the devices that are denied; otherwise all others. */
  readonly which: 'denied' | 'others'
  /** The URL of another page. */
  urlOf(page: number): string
}

/** Answers a list of devices, in the order of their UUIDs unless the client wants another. */
export async function answerList(devices: FactoryDevices, { query, which, urlOf }: ListRequest): Promise<WireAnswer> {
  const read = readDeviceQuery(query)
  if (typeof read === 'string') return refused(400, read)
  if (devices.register === null) return { status: 200, body: { devices: [], total: 0, next: null } }
  const page = await devicePage(devices.register, which === 'denied' ? ['denied'] : NOT_DENIED, read)
  if (page === null) return refused(400, 'there are too many devices to sort them by name')
  const owner = await ownerOf(devices)
  const body = {
    devices: page.devices.map((device) => deviceDocument(device, owner)),
    total: page.total,
    next: page.hasNext ? urlOf(read.page + 1) : null,
  }
  return { status: 200, body }
}

/** A request about one device. */
export interface DeviceRequest {
  readonly method: string
  readonly name: DeviceName
  readonly body: unknown
}

/** Answers GET, PATCH (another name) and DELETE (it is denied) of a device. */
export async function answerDevice(devices: FactoryDevices, request: DeviceRequest): Promise<WireAnswer> {
  const { register, clock } = devices
  const device = register === null ? null : await findDevice(register, request.name)
  if (register === null || device === null) return refused(404, 'there is no such device')
  if (device === 'ambiguous') return refused(409, 'several devices have this name; use the UUID of one')
  const { uuid } = device
  switch (request.method) {
    case 'GET':
      return { status: 200, body: deviceDetailsDocument(device, await ownerOf(devices)) }
    case 'PATCH':
      return rename(devices, register, uuid, request.body)
    case 'DELETE':
      await register.deny([uuid], { reason: ON_HOLD, at: clock().getTime(), announce: false })
      return { status: 200, body: {} }
    default:
      return refused(405, 'method not allowed')
  }
}

const NOT_DENIED_DEVICE = 'there is no such denied device'

/** Answers GET of a denied device. */
export async function answerDeniedDevice(devices: FactoryDevices, text: string): Promise<WireAnswer> {
  const uuid = toUuid(text)
  const device = devices.register === null || uuid === null ? null : await devices.register.device(uuid)
  if (device === null || device.denied === null) return refused(404, NOT_DENIED_DEVICE)
  return { status: 200, body: deviceDocument(device, await ownerOf(devices)) }
}

/** Answers DELETE of a denied device: it is allowed again, if it was on hold. */
export async function answerDenied({ register, clock }: FactoryDevices, text: string): Promise<WireAnswer> {
  const uuid = toUuid(text)
  const end = { at: clock().getTime(), announce: false }
  if (register === null || uuid === null) return refused(404, NOT_DENIED_DEVICE)
  if ((await register.allow([uuid], end)).length > 0) return { status: 200, body: {} }
  const denied = (await register.device(uuid))?.denied ?? null
  if (denied === null) return refused(404, NOT_DENIED_DEVICE)
  return refused(403, `the device is denied for ever (${denied.reason})`)
}

async function rename(
  devices: FactoryDevices,
  register: DeviceRegister,
  uuid: string,
  body: unknown,
): Promise<WireAnswer> {
  const { data } = wireDeviceChange.safeParse(body)
  if (data === undefined)
    return refused(400, 'only the name of a device can be changed, to a text of up to 100 characters')
  const { name } = data
  const problem = name === uuid ? null : nameProblem(name)
  if (problem !== null) return refused(400, problem)
  if (await isNameTaken(register, name, uuid)) return refused(409, 'another device has this name')
  await register.rename(uuid, name)
  const renamed = await register.device(uuid)
  if (renamed === null) return refused(404, 'there is no such device')
  return { status: 200, body: deviceDetailsDocument(renamed, await ownerOf(devices)) }
}

async function ownerOf({ factory, api }: FactoryDevices) {
  return { factory, owner: (await api.getUser()).polisId }
}
