import { createHash } from 'node:crypto'
import {
  ALL_DEVICES,
  type DeviceRecord,
  type DeviceRegister,
  type StoredCertificate,
} from '../../../devices/register.js'
import { rfc3339 } from '../../../pki/describe.js'

/** A device, and what is wrong with it: a clause. */
interface Remark {
  readonly uuid: string
  readonly reason: string
}

/** What was issued, against what was shipped. */
export interface Comparison {
  readonly issued: number
  /** Of these, in production. */
  readonly production: number
  /** SHA-256 of the issued UUIDs in ascending order, each with a line feed; lower-case hex. */
  readonly issuedHash: string
  /** How many different devices the list has; null: there is no list. */
  readonly shipped: number | null
  /** Issued, not shipped. */
  readonly missing: readonly string[]
  /** Shipped, not issued. */
  readonly extra: readonly Remark[]
  /** Listed more than once, or issued more than one certificate. */
  readonly twice: readonly Remark[]
}

/** What a report is about. The devices whose first certificate was issued at or after `from`, and before `to`. */
export interface ReportWindow {
  readonly line: string
  readonly from: Date | null
  readonly to: Date | null
}

/** Compares the devices that a line issued with those that were shipped. */
export async function compare(
  register: DeviceRegister,
  window: ReportWindow,
  shipped: ReadonlyMap<string, number> | null,
): Promise<Comparison> {
  const hash = createHash('sha256')
  const missing: string[] = []
  const twice: Remark[] = []
  const notIssued = new Map(shipped)
  let [issued, production] = [0, 0]
  for await (const device of issuedDevices(register, window)) {
    issued += 1
    production += device.isProduction ? 1 : 0
    hash.update(`${device.uuid}\n`)
    const isListed = notIssued.delete(device.uuid)
    if (!isListed && shipped !== null) missing.push(device.uuid)
    const certificates = await certificatesOf(register, device)
    if (certificates > 1) twice.push({ uuid: device.uuid, reason: `${certificates} certificates` })
  }
  twice.push(...listedTwice(shipped))
  const extra = await extraDevices(register, window, [...notIssued.keys()].sort())
  const counts = { issued, production, shipped: shipped === null ? null : shipped.size }
  return { ...counts, issuedHash: hash.digest('hex'), missing, extra, twice }
}

function listedTwice(shipped: ReadonlyMap<string, number> | null): readonly Remark[] {
  const twice = [...(shipped ?? [])].filter(([, times]) => times > 1)
  return twice.map(([uuid, times]) => ({ uuid, reason: `listed ${times} times` })).toSorted(byUuid)
}

function byUuid(a: Remark, b: Remark): number {
  return a.uuid < b.uuid ? -1 : 1
}

async function extraDevices(register: DeviceRegister, { line }: ReportWindow, uuids: readonly string[]) {
  const extra: Remark[] = []
  for (const uuid of uuids) extra.push({ uuid, reason: whyExtra(await register.device(uuid), line) })
  return extra
}

/** A device may have been issued another certificate since, even after the window: what counts is the first. */
async function* issuedDevices(register: DeviceRegister, { line, from, to }: ReportWindow) {
  const [begin, end] = [from?.getTime() ?? null, to?.getTime() ?? Number.POSITIVE_INFINITY]
  for await (const device of register.devices({ ...ALL_DEVICES, line, since: begin })) {
    if (device.createdAt >= (begin ?? 0) && device.createdAt < end) yield device
  }
}

/**
 * How many certificates somebody may have had of a device without having had another one: abandoned ones were never outside, and for
 * a renewal the device has presented an earlier one.
 */
async function certificatesOf(register: DeviceRegister, { uuid, createdAt, issuedAt }: DeviceRecord): Promise<number> {
  if (createdAt === issuedAt) return 1
  const device = await register.device(uuid)
  const all = device?.certificates ?? []
  const isRenewal = ({ issuedAt: at }: StoredCertificate, index: number) =>
    all.slice(index + 1).some(({ seenAt }) => seenAt !== null && seenAt <= at)
  return all.filter((one, index) => one.state !== 'abandoned' && !isRenewal(one, index)).length
}

function whyExtra(device: DeviceRecord | null, line: string): string {
  if (device === null) return 'not in the register'
  const when = rfc3339(new Date(device.createdAt))
  return device.line === line ? `issued ${when}` : `issued ${when} by the line ${JSON.stringify(device.line)}`
}
