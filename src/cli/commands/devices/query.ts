import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import { csvText, safeCell } from '../../../operations/devices/output/csv.js'
import type { DeviceFactsDocument } from '../../../operations/devices/query/device-facts.js'
import { countDevices as count, listDevices as list } from '../../../operations/devices/query/list-devices.js'
import type { DeviceSelection } from '../../../operations/devices/query/read-register.js'
import { type ShowDeviceResult, showDevice as show } from '../../../operations/devices/query/show-device.js'
import { readTime } from '../../../operations/read-time.js'
import { resolved } from '../../directory.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, printJsonList, printStream, printText } from '../../output.js'
import { storeOf } from '../../store.js'
import { cells, fieldLines } from '../../table.js'

/** The flags that select devices. */
export interface SelectionFlags extends CommonFlags {
  readonly line?: string
  readonly ca?: string
  readonly state?: NonNullable<DeviceSelection['state']>
  readonly since?: string
  readonly until?: string
  readonly expiring?: number
  readonly hardwareId?: string
  readonly store?: string
}

/** `fpki devices list <directory>` */
export async function listDevices(
  directory: string,
  flags: SelectionFlags & { readonly csv?: true },
  io: Io,
): Promise<void> {
  if (flags.json && flags.csv)
    throw new FpkiError('ERR_USAGE', '--json and --csv are mutually exclusive.', 'Pass one of them.')
  const path = resolved(directory, io)
  const selection = selectionOf(flags)
  await warnOfForeign([path], flags, io)
  const choice = { directory: path, store: storeOf(flags, io) }
  const devices = list({ ...choice, ...selection }, thisMachine(io.machine))
  if (flags.json) return printJsonList(io, { directory: path }, 'devices', devices)
  await printStream(io, flags.csv ? csvOf(devices) : tableOf(devices))
}

const HEADER = ['UUID', 'LINE', 'STATE', 'EXPIRES', 'PROD']
/** 80 columns in all. */
const WIDTHS = [36, 12, 10, 10, 4]

async function* tableOf(devices: AsyncIterable<DeviceFactsDocument>): AsyncGenerator<string> {
  let header = `${cells(HEADER, WIDTHS)}\n`
  for await (const { uuid, line, state, notAfter, production } of devices) {
    yield `${header}${cells([uuid, line, state, notAfter.slice(0, 10), production ? 'yes' : ''], WIDTHS)}\n`
    header = ''
  }
  yield header
}

const COLUMNS = [
  ...['uuid', 'name', 'line', 'ca', 'group', 'hardware-id', 'serial', 'production'],
  ...['created', 'state', 'issued', 'expires'],
]

async function* csvOf(devices: AsyncIterable<DeviceFactsDocument>): AsyncGenerator<string> {
  let header = csvText([COLUMNS])
  for await (const device of devices) {
    const { uuid, name, line, ca, group, hardwareId, serialNumber, production } = device
    const { createdAt, state, issuedAt, notAfter } = device
    const facts = [uuid, name, line, ca, group, hardwareId, serialNumber, String(production)]
    yield header + csvText([[...facts, createdAt, state, issuedAt, notAfter].map(safeCell)])
    header = ''
  }
  yield header
}

/** `fpki devices count <directory>` */
export async function countDevices(directory: string, flags: SelectionFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  const selection = selectionOf(flags)
  await warnOfForeign([path], flags, io)
  const choice = { directory: path, store: storeOf(flags, io) }
  const counted = await count({ ...choice, ...selection }, thisMachine(io.machine))
  if (flags.json) return printJson(io, counted)
  const { devices, production, active } = counted
  const numbers = { Devices: devices, 'In production': production, 'Active certificate': active }
  printText(io, fieldLines(Object.entries(numbers).map(([name, number]) => [name, String(number)])))
}

/** `fpki devices show <directory> <uuid>` */
export async function showDevice(
  directory: string,
  uuid: string,
  flags: CommonFlags & { readonly store?: string },
  io: Io,
): Promise<void> {
  const path = resolved(directory, io)
  await warnOfForeign([path], flags, io)
  const shown = await show({ directory: path, store: storeOf(flags, io), uuid }, thisMachine(io.machine))
  if (flags.json) printJson(io, shown)
  else printText(io, fieldLines(fieldsOf(shown)))
}

function fieldsOf({ device, caFile, certificates }: ShowDeviceResult): readonly (readonly [string, string])[] {
  const { uuid, name, line, ca, group, hardwareId, serialNumber, production, createdAt } = device
  return [
    ['UUID', uuid],
    ['Name', name],
    ['Line', line],
    ['Device CA', caFile ?? ca],
    ['Group', group ?? '-'],
    ['Hardware ID', hardwareId ?? '-'],
    ['Serial number', serialNumber ?? '-'],
    ['Production', production ? 'yes' : 'no'],
    ['Created', createdAt],
    ...certificates.flatMap((certificate): (readonly [string, string])[] => [
      ['Certificate', certificate.serial],
      ['  State', certificate.state],
      ['  Issued', certificate.issuedAt],
      ['  Expires', certificate.notAfter],
      ['  SHA-256', certificate.fingerprint],
      ['  Key', certificate.keyHash],
    ]),
  ]
}

function selectionOf(flags: SelectionFlags): DeviceSelection {
  const { line, ca, state, since, until, hardwareId, expiring: expiringDays } = flags
  return {
    ...{ line, ca, state, hardwareId, expiringDays },
    since: since === undefined ? undefined : readTime(since, 'since'),
    until: until === undefined ? undefined : readTime(until, 'until'),
  }
}
