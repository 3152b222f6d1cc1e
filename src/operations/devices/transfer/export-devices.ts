import { createHash } from 'node:crypto'
import * as z from 'zod/mini'
import { ALL_DEVICES, type DeviceRegister, type StoredCertificate } from '../../../devices/register.js'
import { jsonDocument } from '../../../json-document.js'
import type { BatchFiles, Clock, DurableFiles, Random } from '../../../ports.js'
import { requireFreeInFolder } from '../../../storage/require-free.js'
import { openPki } from '../../open-pki.js'
import { requireOutsidePki } from '../../outside-pki.js'
import { caFingerprint } from '../ca-fingerprint.js'
import { requireRegister } from '../open-register.js'
import { OUTPUT_FORMATS } from '../output/settings.js'
import { rowOf, type TransferHeader, type TransferRow, timeText } from './format.js'

/** What `fpki devices export --json` prints. */
export const exportDevicesResult = jsonDocument({
  /** The file or folder, absolute; null: stdout. */
  file: z.nullable(z.string()),
  directory: z.string(),
  factory: z.string(),
  /** `transfer` is for `devices import`. */
  format: z.enum(['transfer', ...OUTPUT_FORMATS]),
  /** null: all certificates. */
  since: z.nullable(z.string()),
  devices: z.int(),
  certificates: z.int(),
  /** With the format `transfer`: of all lines but the last, which contains it. */
  sha256: z.nullable(z.string()),
})

/** See {@link exportDevicesResult}. */
export type ExportDevicesResult = z.infer<typeof exportDevicesResult>

/** Options of `devices export`. */
export interface ExportDevicesOptions {
  /** The PKI directory or kit, absolute. */
  readonly directory: string
  readonly factory: string | null
  /** The new file, absolute. */
  readonly out: string
  /** Milliseconds since 1970: only certificates issued at or after; null: all. */
  readonly since: number | null
  readonly store: string | null
}

/** Ports of {@link exportDevices}. */
export interface ExportDevicesPorts {
  readonly files: DurableFiles
  readonly batches: Pick<BatchFiles, 'openFile'>
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
}

/** Rows of one write. */
const ROWS_AT_ONCE = 256
const FILE_MODE = 0o644

/**
 * Writes all device certificates of a register, or those since a time, to a file for `devices import`. The file appears
 * complete or not at all, and never contains a key.
 *
 * @throws FpkiError as openPki and openDeviceRegister do; ERR_USAGE for a file in a PKI directory; ERR_NOT_INITIALIZED when
 *   there is no register; ERR_EXISTS, ERR_STORAGE; the reason of the signal
 */
export async function exportDevices(
  options: ExportDevicesOptions,
  ports: ExportDevicesPorts,
): Promise<ExportDevicesResult> {
  const { directory, out, since } = options
  const pki = await openPki(ports.files, directory, options.factory)
  await requireOutsidePki({ path: out, what: 'devices', option: 'out', directories: [directory] }, ports.files)
  await requireFreeInFolder(ports.files, out, 'output file', 'out')
  const register = await requireRegister(options, ports)
  try {
    const header: TransferHeader = {
      fpki: 'devices',
      version: 1,
      factory: pki.factory,
      rootFingerprint: caFingerprint(pki.root),
      createdAt: timeText(ports.clock().getTime()),
      since: since === null ? null : timeText(since),
      register: await register.head(),
    }
    const written = await writeFile(out, header, rowsSince(register, since), ports)
    const facts = { directory: pki.directory.path, factory: pki.factory, format: 'transfer' as const }
    return { file: out, ...facts, since: header.since, ...written }
  } finally {
    await register.close()
  }
}

/** In the order of the UUIDs; those of one device with the oldest first, so that the newest is the last to be imported. */
async function* rowsSince(register: DeviceRegister, since: number | null): AsyncGenerator<readonly TransferRow[]> {
  for await (const { uuid } of register.devices({ ...ALL_DEVICES, since })) {
    const device = await register.device(uuid)
    if (device === null) continue
    const isWanted = ({ issuedAt }: StoredCertificate) => since === null || issuedAt >= since
    yield device.certificates
      .filter(isWanted)
      .toReversed()
      .map((certificate) => rowOf(device, certificate))
  }
}

async function writeFile(
  out: string,
  header: TransferHeader,
  rows: AsyncIterable<readonly TransferRow[]>,
  { batches, signal }: ExportDevicesPorts,
) {
  const file = await batches.openFile(out, FILE_MODE, 'refuse')
  const hash = createHash('sha256')
  const counts = { devices: 0, certificates: 0 }
  let waiting = [JSON.stringify(header)]
  const flush = async () => {
    if (waiting.length === 0) return
    const octets = Buffer.from(`${waiting.join('\n')}\n`)
    waiting = []
    hash.update(octets)
    await file.write(octets)
  }
  try {
    for await (const ofDevice of rows) {
      signal.throwIfAborted()
      counts.devices++
      counts.certificates += ofDevice.length
      waiting.push(...ofDevice.map((row) => JSON.stringify(row)))
      if (waiting.length >= ROWS_AT_ONCE) await flush()
    }
    await flush()
    const sha256 = hash.digest('hex')
    await file.write(Buffer.from(`${JSON.stringify({ certificates: counts.certificates, sha256 })}\n`))
    await file.finish()
    return { ...counts, sha256 }
  } catch (error) {
    await file.stop().catch(() => undefined)
    throw error
  }
}
