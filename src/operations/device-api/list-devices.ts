import * as z from 'zod/mini'
import {
  ALL_DEVICES,
  DEVICE_STATES,
  type DeviceRecord,
  type DeviceRegister,
  type DeviceState,
} from '../../devices/register.js'
import { toUuid } from '../../pki/device-policy.js'
import { globPattern, likePattern, type NameMatcher } from './name-pattern.js'
import { MAX_NAME } from './wire.js'

/** The devices that the API has: one that was deleted is denied. */
export const NOT_DENIED = DEVICE_STATES.filter((state) => state !== 'denied')

/** Which devices a client asks for. */
export interface DeviceQuery {
  readonly limit: number
  /** From 1. */
  readonly page: number
  /** The only one; null: all. */
  readonly uuid: string | null
  /** null: it accepts all. */
  readonly accepts: ((device: DeviceRecord) => boolean) | null
  /** By name, or in reverse; null: by UUID. */
  readonly byName: 'ascending' | 'descending' | null
}

/** A page of devices. */
export interface DevicePage {
  readonly devices: readonly DeviceRecord[]
  /** On all pages. */
  readonly total: number
  readonly hasNext: boolean
}

const number = (most: number) =>
  z.optional(
    z.string().check(
      z.regex(/^[1-9]\d{0,8}$/),
      z.refine((text) => Number(text) <= most),
    ),
  )
const text = z.optional(z.string().check(z.maxLength(MAX_NAME)))

/** The parameters of fioctl. Those that are not here say nothing that this API could tell devices apart by. */
const query = z.object({
  limit: number(1000),
  page: number(100_000_000),
  uuid: text,
  group: z.optional(z.string().check(z.maxLength(256))),
  name: text,
  name_ilike: text,
  prod: z.optional(z.enum(['0', '1', ''])),
  match_tag: text,
  target_name: text,
  sortby: text,
})

const DEFAULT_LIMIT = 500

/** Up to how many devices are sorted by name; the register has them in the order of their UUIDs. */
const MOST_SORTED = 50_000

/** Reads the query of a list. A parameter that is given twice is refused. Returns the name of the invalid one, as text. */
export function readDeviceQuery(parameters: unknown): DeviceQuery | string {
  const { data, error } = query.safeParse(parameters)
  if (data === undefined) return `${String(error.issues[0]?.path[0] ?? 'the query')} is invalid`
  const byName = sortOrder(data.sortby ?? '')
  if (byName === undefined) return 'sortby is invalid: devices are sorted by name, or not at all'
  const { limit = DEFAULT_LIMIT, page = 1, uuid = '' } = data
  return { limit: Number(limit), page: Number(page), uuid: uuid || null, accepts: filterOf(data), byName }
}

/** No device was ever seen, so that to sort by `last_seen` changes nothing. undefined: not one of these. */
function sortOrder(sortby: string): DeviceQuery['byName'] | undefined {
  const orders = sortby.split(',').filter((field) => field !== '' && field !== 'last_seen' && field !== '-last_seen')
  if (orders.length === 0) return null
  if (orders.length > 1) return undefined
  return orders[0] === 'name' ? 'ascending' : orders[0] === '-name' ? 'descending' : undefined
}

function filterOf(data: z.infer<typeof query>): DeviceQuery['accepts'] {
  const { group, name, name_ilike, prod, match_tag, target_name } = data
  const patterns: NameMatcher[] = [
    ...(name ? [globPattern(name)] : []),
    ...(name_ilike ? [likePattern(name_ilike)] : []),
  ]
  const tests: ((device: DeviceRecord) => boolean)[] = [
    ...(group ? [(device: DeviceRecord) => device.group === group] : []),
    ...patterns.map((matches) => (device: DeviceRecord) => matches(device.name)),
    ...(prod ? [({ isProduction }: DeviceRecord) => isProduction === (prod === '1')] : []),
    // No device here has a tag or a Target.
    ...(match_tag || target_name ? [() => false] : []),
  ]
  return tests.length === 0 ? null : (device) => tests.every((test) => test(device))
}

/**
 * A page of the devices that have one of the `states`. With a filter, the whole register is read. null: there are too many to
 * sort.
 */
export async function devicePage(
  register: DeviceRegister,
  states: readonly DeviceState[],
  { limit, page, uuid, accepts, byName }: DeviceQuery,
): Promise<DevicePage | null> {
  const filter = { ...ALL_DEVICES, state: states }
  const part = { limit, skipped: (page - 1) * limit }
  if (uuid !== null)
    return filteredPage(onlyDevice(register, uuid, states), { ...part, accepts: accepts ?? (() => true) })
  if (byName !== null) return sortedPage(register.devices(filter), { ...part, accepts, byName })
  if (accepts !== null) return filteredPage(register.devices(filter), { ...part, accepts })
  const { devices: total } = await register.count(filter)
  const devices = total > part.skipped ? await firstOf(register.devices(filter, part.skipped), limit) : []
  return { devices, total, hasNext: total > part.skipped + limit }
}

async function* onlyDevice(
  register: DeviceRegister,
  text: string,
  states: readonly DeviceState[],
): AsyncGenerator<DeviceRecord> {
  const uuid = toUuid(text)
  const device = uuid === null ? null : await register.device(uuid)
  if (device !== null && states.includes(device.state)) yield device
}

/** Which devices of a list are on a page. */
interface Part {
  readonly limit: number
  readonly skipped: number
}

async function firstOf(all: AsyncIterable<DeviceRecord>, limit: number): Promise<readonly DeviceRecord[]> {
  const devices: DeviceRecord[] = []
  for await (const device of all) {
    devices.push(device)
    if (devices.length === limit) break
  }
  return devices
}

async function filteredPage(
  all: AsyncIterable<DeviceRecord>,
  { limit, skipped, accepts }: Part & { readonly accepts: (device: DeviceRecord) => boolean },
): Promise<DevicePage> {
  const devices: DeviceRecord[] = []
  let total = 0
  for await (const device of all) {
    if (!accepts(device)) continue
    total += 1
    if (total > skipped && devices.length < limit) devices.push(device)
  }
  return { devices, total, hasNext: total > skipped + limit }
}

async function sortedPage(
  all: AsyncIterable<DeviceRecord>,
  { limit, skipped, accepts, byName }: Part & Pick<DeviceQuery, 'accepts' | 'byName'>,
): Promise<DevicePage | null> {
  const devices: DeviceRecord[] = []
  for await (const device of all) {
    if (accepts?.(device) === false) continue
    devices.push(device)
    if (devices.length > MOST_SORTED) return null
  }
  // By code units: the order must not depend on the language of this machine.
  devices.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  if (byName === 'descending') devices.reverse()
  const total = devices.length
  return { devices: devices.slice(skipped, skipped + limit), total, hasNext: total > skipped + limit }
}
