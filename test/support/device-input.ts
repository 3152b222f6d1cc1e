import { FpkiError } from '../../src/errors.js'
import { type DeviceInputFormat, openDeviceInput } from '../../src/operations/devices/input/open.js'
import type { DeviceInput, InputRow } from '../../src/operations/devices/input/row.js'
import { nodeInputFiles } from '../../src/storage/input-files.js'

/** What reading an input came to. */
export interface ReadInput {
  readonly format: DeviceInputFormat | null
  readonly rows: readonly InputRow[]
  readonly notes: readonly string[]
  /** Its message; null: the input was read to its end. */
  readonly error: string | null
}

/** Reads octets from stdin, or the file or folder at a path. Anything but ERR_BAD_FILE fails the test. */
export async function readInput(
  from: string | Uint8Array | AsyncIterable<Buffer>,
  format: DeviceInputFormat | 'auto' = 'auto',
): Promise<ReadInput> {
  const notes: string[] = []
  const rows: InputRow[] = []
  const stdin =
    typeof from === 'string' ? inChunks(Buffer.alloc(0)) : from instanceof Uint8Array ? inChunks(from) : from
  const ports = { files: nodeInputFiles(), stdin, isStdinTerminal: false, progress: { note: notes.push.bind(notes) } }
  let found: DeviceInputFormat | null = null
  try {
    const input = await openDeviceInput({ path: typeof from === 'string' ? from : null, format }, ports)
    found = input.format
    for await (const some of input.rows) rows.push(...some)
  } catch (error) {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_BAD_FILE') throw error
    return { format: found, rows, notes, error: error.message }
  }
  return { format: found, rows, notes, error: null }
}

/** Cuts octets at these places. */
export async function* inChunks(octets: Uint8Array, cuts: readonly number[] = []): AsyncGenerator<Buffer> {
  const buffer = Buffer.from(octets)
  const places = [0, ...cuts, buffer.length]
  for (const [index, start] of places.slice(0, -1).entries()) yield buffer.subarray(start, places[index + 1])
}

/** A row with a place and a request; the members that are missing are null. */
export function device(at: string, members: Partial<DeviceInput>): DeviceInput {
  const none = { csr: null, uuid: null, name: null, group: null, hardwareId: null, serialNumber: null }
  return { at, ...none, isProduction: null, ...members }
}

/** Like the DER of a request, of which the readers only look at the beginning. */
export function someDer(size = 416, fill = 7): Buffer {
  return Buffer.concat([Buffer.from([0x30, 0x82, 0x01, 0xa0, 0x30]), Buffer.alloc(size, fill)])
}

/** A PEM block. */
export function somePem(label = 'CERTIFICATE REQUEST', fill = 7): string {
  const lines = someDer(416, fill)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}

export const UUID = '0b2b0f3a-7e58-4d3c-9d44-0123456789ab'
