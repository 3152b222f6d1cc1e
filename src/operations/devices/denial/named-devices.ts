import { FpkiError } from '../../../errors.js'
import { toUuid } from '../../../pki/device-policy.js'
import { type DeviceInputPorts, openDeviceInput } from '../input/open.js'
import { type InputRow, shown } from '../input/row.js'

/** Devices that a user names: as arguments, or in a file. */
export interface NamedDevices {
  readonly uuids: readonly string[]
  /** A list of UUIDs, one a line, which may be compressed with gzip: a path, or null for stdin. undefined: no list. */
  readonly from: string | null | undefined
}

/** They are all in memory, because nothing is changed before all of them are checked. */
const MAX_DEVICES = 1_000_000

/**
 * The UUIDs of the devices, each once, in canonical form.
 *
 * @throws FpkiError ERR_USAGE when a word is not a UUID, or there are both words and a file, or neither; ERR_BAD_FILE when a line
 *   is not a UUID, or the list has no device or too many
 */
export async function readNamedDevices(named: NamedDevices, ports: DeviceInputPorts): Promise<ReadonlySet<string>> {
  const { uuids, from } = named
  if (uuids.length > 0 && from !== undefined) throw usage('Devices are named both as arguments and with --from.')
  if (from !== undefined) return readList(from, ports)
  if (uuids.length === 0) throw usage('No device is named.')
  return new Set(uuids.map((word) => toUuid(word) ?? notAUuid(word)))
}

async function readList(path: string | null, ports: DeviceInputPorts): Promise<ReadonlySet<string>> {
  const { rows, what } = await openDeviceInput({ path, format: 'uuids' }, ports)
  const devices = new Set<string>()
  for await (const some of rows) {
    for (const row of some) devices.add(uuidOf(row, what))
    if (devices.size > MAX_DEVICES) throw badList(what, `it has more than ${MAX_DEVICES} devices`)
  }
  if (devices.size === 0) throw badList(what, 'it names no device')
  return devices
}

function uuidOf(row: InputRow, what: string): string {
  if ('problem' in row) throw badList(what, `${row.at}: ${row.problem}`)
  const word = row.uuid ?? ''
  return toUuid(word) ?? badUuid(what, row.at, word)
}

function badUuid(what: string, at: string, word: string): never {
  throw badList(what, `${at}: ${JSON.stringify(shown(word))} is not a UUID`)
}

function notAUuid(word: string): never {
  throw usage(`${JSON.stringify(shown(word))} is not a UUID.`)
}

function usage(message: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    message,
    'Nothing was changed. Give UUIDs such as 0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001, or a list of them.',
    { option: 'from' },
  )
}

function badList(what: string, reason: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `Cannot read ${what}: ${reason}.`,
    'Nothing was changed. Correct the list: one UUID a line; lines that begin with # are comments.',
    { option: 'from' },
  )
}
