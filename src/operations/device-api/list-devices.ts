import * as z from 'zod/mini'
import {
  ALL_DEVICES,
  DEVICE_STATES,
  type DeviceFilter,
  type DeviceRecord,
  type DeviceRegister,
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
  /** null: any. */
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
  const { limit = DEFAULT_LIMIT, page = 1 } = data
  return { limit: Number(limit), page: Number(page), accepts: filterOf(data), byName }
}

/** No device was ever seen, so that to sort by `last_seen` changes nothing. undefined: not one of these. */
function sortOrder(sortby: string): DeviceQuery['byName'] | undefined {
  const orders = sortby.split(',').filter((field) => field !== '' && field !== 'last_seen' && field !== '-last_seen')
  if (orders.length === 0) return null
  if (orders.length > 1) return undefined
  return orders[0] === 'name' ? 'ascending' : orders[0] === '-name' ? 'descending' : undefined
}

function filterOf(data: z.infer<typeof query>): DeviceQuery['accepts'] {
  const { uuid, group, name, name_ilike, prod, match_tag, target_name } = data
  const patterns: NameMatcher[] = [
    ...(name ? [globPattern(name)] : []),
    ...(name_ilike ? [likePattern(name_ilike)] : []),
  ]
  const tests: ((device: DeviceRecord) => boolean)[] = [
    ...(uuid ? [(device: DeviceRecord) => device.uuid === toUuid(uuid)] : []),
    ...(group ? [(device: DeviceRecord) => device.group === group] : []),
    ...patterns.map((matches) => (device: DeviceRecord) => matches(device.name)),
    ...(prod ? [({ isProduction }: DeviceRecord) => isProduction === (prod === '1')] : []),
    // No device here has a tag or a Target.
    ...(match_tag || target_name ? [() => false] : []),
  ]
  return tests.length === 0 ? null : (device) => tests.every((test) => test(device))
}

/**
 * A page of the devices that have one of the `states`. Without a filter, the register is read up to the end of the page; with
 * one, all of it is. null: there are too many to sort.
 */
export async function devicePage(
  register: DeviceRegister,
  states: NonNullable<DeviceFilter['state']>,
  { limit, page, accepts, byName }: DeviceQuery,
): Promise<DevicePage | null> {
  const filter = { ...ALL_DEVICES, state: states }
  const part = { limit, skipped: (page - 1) * limit }
  if (byName !== null) return sortedPage(register.devices(filter), { ...part, accepts, byName })
  if (accepts !== null) return filteredPage(register.devices(filter), { ...part, accepts })
  const { devices: total } = await register.count(filter)
  const devices = total > part.skipped ? await pageOf(register.devices(filter), part) : []
  return { devices, total, hasNext: total > part.skipped + limit }
}

/** Which devices of a list are on a page. */
interface Part {
  readonly limit: number
  readonly skipped: number
}

async function pageOf(all: AsyncIterable<DeviceRecord>, { limit, skipped }: Part): Promise<readonly DeviceRecord[]> {
  const devices: DeviceRecord[] = []
  let count = 0
  for await (const device of all) {
    count += 1
    if (count > skipped) devices.push(device)
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
