import { createHash } from 'node:crypto'
import type { ListedDevice } from '../../../devices/credential-store.js'
import { FpkiError, type FpkiOption } from '../../../errors.js'
import { toUuid } from '../../../pki/device-policy.js'
import { printable } from '../../../printable.js'
import type { InputFiles } from '../../../storage/input-files.js'
import { csvTable } from './csv-table.js'
import { octetSource } from './octets.js'
import { shown } from './row.js'

/** The columns of an allow list. */
const COLUMNS: readonly string[] = ['uuid', 'serial', 'key']

/** The register is one database: a larger list would lock it for minutes. */
const MAX_ENTRIES = 1_000_000

/** A UUID, a serial number and a key have 36, at most 128, and 64 characters. */
const MAX_ROW_BYTES = 4096
const MAX_SERIAL = 128

/**
 * Reads the devices that a token may register: CSV with a header (comma, semicolon or tab) and at least one of the columns
 * `uuid`, `serial` (the maker's serial number, which a device sends as its name) and `key` (SHA-256 of the public key, hex).
 * Throws ERR_BAD_FILE, with the line, for anything that names no device, or that is there twice.
 *
 * @param note called once with the columns that are ignored
 */
export async function* readAllowList(
  path: string,
  {
    inputFiles,
    note,
    signal,
    option = 'list',
  }: {
    readonly inputFiles: Pick<InputFiles, 'octets'>
    readonly note: (text: string) => void
    readonly signal?: AbortSignal | undefined
    /** What errors are about. */
    readonly option?: FpkiOption
  },
): AsyncGenerator<readonly ListedDevice[]> {
  const lines = new Map<string, number>()
  const badList = (reason: string) => badListAt(path, reason, option)
  const table = csvTable<ListedDevice>(octetSource(inputFiles.octets(path), path, signal), {
    ...{ what: path, columns: COLUMNS, needed: COLUMNS, maxRowBytes: MAX_ROW_BYTES, note },
    row: (members, line) => {
      const device = deviceOf(members, badList, `line ${line}`)
      const digest = digestOf(device)
      const earlier = lines.get(digest)
      if (earlier !== undefined) throw badList(`line ${line} is the same as line ${earlier}`)
      if (lines.size === MAX_ENTRIES) throw badList(`it has more than ${MAX_ENTRIES} rows`)
      lines.set(digest, line)
      return device
    },
    unreadable: (line, problem) => {
      throw badList(`line ${line}: ${problem}`)
    },
  })
  for await (const devices of table) yield devices
  if (lines.size === 0) throw badList('it names no device')
}

function deviceOf(
  { uuid = '', serial = '', key = '' }: Readonly<Record<string, string | undefined>>,
  badList: (reason: string) => FpkiError,
  at: string,
): ListedDevice {
  const canonical = uuid === '' ? null : toUuid(uuid)
  if (uuid !== '' && canonical === null) throw badList(`${at}: ${quoted(uuid)} is not a UUID`)
  const isSerial = serial.length <= MAX_SERIAL && printable(serial) === serial
  if (!isSerial) throw badList(`${at}: its serial is not a text of 1 to ${MAX_SERIAL} printable characters`)
  const isKey = key === '' || /^[0-9a-f]{64}$/i.test(key)
  if (!isKey) throw badList(`${at}: its key is not a SHA-256 hash in hexadecimal`)
  if (canonical === null && serial === '' && key === '') throw badList(`${at} names no device`)
  return {
    uuid: canonical,
    serialNumber: serial === '' ? null : serial,
    keyHash: key === '' ? null : Buffer.from(key, 'hex'),
  }
}

/** Of a million rows, little is kept. */
function digestOf({ uuid, serialNumber, keyHash }: ListedDevice): string {
  const hash = createHash('sha256').update(JSON.stringify([uuid, serialNumber]))
  return hash
    .update(keyHash ?? '')
    .digest()
    .subarray(0, 16)
    .toString('latin1')
}

function quoted(text: string): string {
  return JSON.stringify(shown(text))
}

function badListAt(path: string, reason: string, option: FpkiOption): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `Cannot read ${path}: ${reason}.`,
    'Nothing was changed. Correct the list: CSV with a header, and one or more of the columns uuid, serial and key.',
    { option },
  )
}
