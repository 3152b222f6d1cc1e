import { csvText, safeCell } from '../../../csv.js'
import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import type { DeviceFactsDocument } from '../../../operations/devices/query/device-facts.js'
import { countDevices as count, listDevices as list } from '../../../operations/devices/query/list-devices.js'
import type { DeviceSelection } from '../../../operations/devices/query/read-register.js'
import { type ShowDeviceResult, showDevice as show } from '../../../operations/devices/query/show-device.js'
import { readTime } from '../../../operations/read-time.js'
import { decimalToHex } from '../../../serial-hex.js'
import { resolved } from '../../directory.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, printJsonList, printStream, printText } from '../../output.js'
import { storeOf } from '../../store.js'
import { cells, columnWidths, fieldLines } from '../../table.js'

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

interface CsvFlag {
  readonly csv?: true
}

function checkFormat({ json, csv }: Pick<CommonFlags, 'json'> & CsvFlag): void {
  if (json && csv) throw new FpkiError('ERR_USAGE', '--json and --csv are mutually exclusive.', 'Pass one of them.')
}

/** `fpki devices list <directory>` */
export async function listDevices(directory: string, flags: SelectionFlags & CsvFlag, io: Io): Promise<void> {
  checkFormat(flags)
  const path = resolved(directory, io)
  const selection = selectionOf(flags)
  await warnOfForeign([path], flags, io)
  const choice = { directory: path, store: storeOf(flags, io) }
  const devices = list({ ...choice, ...selection }, thisMachine(io.machine))
  if (flags.json) return printJsonList(io, { directory: path }, 'devices', devices)
  await printStream(io, flags.csv ? csvOf(devices) : tableOf(devices, io))
}

const HEADER = ['UUID', 'LINE', 'STATE', 'EXPIRES', 'PROD']
/** 80 columns in all; the name of the line takes more where there is more. */
const WIDTHS = [36, 12, 10, 10, 4]
const LINE = 1

async function* tableOf(devices: AsyncIterable<DeviceFactsDocument>, io: Io): AsyncGenerator<string> {
  const widths = columnWidths(WIDTHS, [LINE], io)
  let header = `${cells(HEADER, widths)}\n`
  for await (const { uuid, line, state, notAfter, production } of devices) {
    yield `${header}${cells([uuid, line, state, notAfter.slice(0, 10), production ? 'yes' : ''], widths)}\n`
    header = ''
  }
  yield header
}

const DEVICE_COLUMNS = ['uuid', 'name', 'line', 'ca', 'group', 'hardware-id', 'serial', 'production', 'created']
const DATES = ['state', 'issued', 'expires']

type Described = ShowDeviceResult['device']

function deviceCells({ uuid, name, line, ca, group, hardwareId, serialNumber, production, createdAt }: Described) {
  return [uuid, name, line, ca, group, hardwareId, serialNumber, String(production), createdAt]
}

async function* csvOf(devices: AsyncIterable<DeviceFactsDocument>): AsyncGenerator<string> {
  let header = csvText([[...DEVICE_COLUMNS, ...DATES]])
  for await (const device of devices) {
    const { state, issuedAt, notAfter } = device
    yield header + csvText([[...deviceCells(device), state, issuedAt, notAfter].map(safeCell)])
    header = ''
  }
  yield header
}

/** `fpki devices count <directory>` */
export async function countDevices(directory: string, flags: SelectionFlags & CsvFlag, io: Io): Promise<void> {
  checkFormat(flags)
  const path = resolved(directory, io)
  const selection = selectionOf(flags)
  await warnOfForeign([path], flags, io)
  const choice = { directory: path, store: storeOf(flags, io) }
  const counted = await count({ ...choice, ...selection }, thisMachine(io.machine))
  if (flags.json) return printJson(io, counted)
  const { devices, production, active } = counted
  if (flags.csv)
    return io.stdout(csvText([['devices', 'production', 'active'], [devices, production, active].map(String)]))
  const numbers = { Devices: devices, 'In production': production, 'Active certificate': active }
  printText(io, fieldLines(Object.entries(numbers).map(([name, number]) => [name, String(number)])))
}

/** `fpki devices show <directory> <uuid>` */
export async function showDevice(
  directory: string,
  uuid: string,
  flags: CommonFlags & CsvFlag & { readonly store?: string },
  io: Io,
): Promise<void> {
  checkFormat(flags)
  const path = resolved(directory, io)
  await warnOfForeign([path], flags, io)
  const shown = await show({ directory: path, store: storeOf(flags, io), uuid }, thisMachine(io.machine))
  if (flags.json) printJson(io, shown)
  else if (flags.csv) io.stdout(certificatesCsv(shown))
  else printText(io, fieldLines(fieldsOf(shown)))
}

/** A row for each certificate. */
function certificatesCsv({ device, certificates }: ShowDeviceResult): string {
  const rows = certificates.map(({ state, issuedAt, notAfter, serial, fingerprint, keyHash }) =>
    [...deviceCells(device), state, issuedAt, notAfter, decimalToHex(serial), fingerprint, keyHash].map(safeCell),
  )
  return csvText([[...DEVICE_COLUMNS, ...DATES, 'certificate', 'sha-256', 'key'], ...rows])
}

function fieldsOf({ device, caFile, certificates }: ShowDeviceResult): readonly (readonly [string, string])[] {
  const { uuid, name, line, ca, group, hardwareId, serialNumber, production, createdAt, denied } = device
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
    ...(denied === null ? [] : [['Denied', `${denied.at} (${denied.reason})`] as const]),
    ...certificates.flatMap((certificate): (readonly [string, string])[] => [
      ['Certificate', decimalToHex(certificate.serial)],
      ['  State', certificate.state],
      ['  Issued', certificate.issuedAt],
      ['  Expires', certificate.notAfter],
      ...timeField('  Ends', certificate.endedAt),
      ...timeField('  Seen', certificate.seenAt),
      ['  SHA-256', certificate.fingerprint],
      ['  Key', certificate.keyHash],
    ]),
  ]
}

function timeField(name: string, time: string | null): readonly (readonly [string, string])[] {
  return time === null ? [] : [[name, time]]
}

function selectionOf(flags: SelectionFlags): DeviceSelection {
  const { line, ca, state, since, until, hardwareId, expiring: expiringDays } = flags
  return {
    ...{ line, ca, state, hardwareId, expiringDays },
    since: since === undefined ? undefined : readTime(since, 'since'),
    until: until === undefined ? undefined : readTime(until, 'until'),
  }
}
