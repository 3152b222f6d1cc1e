import { chunksOf, oneByOne } from '../../../chunks.js'
import { ALL_DEVICES, type DeviceCertificate, type DeviceRegister, IN_USE } from '../../../devices/register.js'
import { localCaFiles } from '../../../directory/local-ca-files.js'
import { isCertificateFile } from '../../../directory/names.js'
import { roleOfFile } from '../../../directory/pki-files.js'
import { FpkiError } from '../../../errors.js'
import { type Certificate, readPemCertificate } from '../../../pki/read-certificate.js'
import type { BatchFiles, DurableFiles } from '../../../ports.js'
import type { ByteSink } from '../../../storage/sinks.js'
import { type OpenPki, openPki } from '../../open-pki.js'
import { caFingerprint } from '../ca-fingerprint.js'
import { reusedDevice } from '../issue/results.js'
import type { DeviceOutput } from '../model.js'
import { requireRegister } from '../open-register.js'
import { openPkiOutput } from '../output/open-pki-output.js'
import type { OutputPlan } from '../output/settings.js'
import type { ExportDevicesOptions, ExportDevicesPorts, ExportDevicesResult } from './export-devices.js'
import { timeText } from './format.js'

/** Options of {@link publishDevices}. */
export interface PublishDevicesOptions extends Omit<ExportDevicesOptions, 'out'> {
  readonly output: OutputPlan
  /** The certificate file of the device CA whose devices are written; null: there is only one. */
  readonly ca: string | null
  /** URLs; null: the names in tls-crt. */
  readonly gateway: string | null
  readonly ostree: string | null
}

/** Ports of {@link publishDevices}. */
export interface PublishDevicesPorts extends ExportDevicesPorts {
  readonly files: DurableFiles
  readonly batches: BatchFiles
  readonly stdout: ByteSink
}

/** Devices of one write. */
const DEVICES_AT_ONCE = 256

/**
 * Writes an output of `devices issue` again, from the register: the current certificates of all devices of a device CA, or of
 * those whose certificate was issued since a time. Keys are not in the register, and so not in the output.
 *
 * @throws FpkiError as openPki, openDeviceRegister and openDeviceOutput do; ERR_NOT_INITIALIZED when there is no register;
 *   ERR_USAGE when there are devices of several CAs, and none is named; the reason of the signal
 */
export async function publishDevices(
  options: PublishDevicesOptions,
  ports: PublishDevicesPorts,
): Promise<ExportDevicesResult> {
  const pki = await openPki(ports.files, options.directory, options.factory)
  const register = await requireRegister(options, ports)
  try {
    const ca = await caOfDevices(pki, register, options.ca)
    const { output: plan, gateway, ostree } = options
    const output = await openPkiOutput(pki, ca, { ...plan, gateway, ostree, makesKeys: false }, ports)
    const filter = { ...ALL_DEVICES, state: IN_USE, since: options.since, ca: caFingerprint(ca) }
    const devices = await writeAll(output, register.certificates(filter), ports.signal)
    const { target, format } = plan
    const since = options.since === null ? null : timeText(options.since)
    const file = target.kind === 'stdout' ? null : target.path
    const facts = { file, directory: pki.directory.path, factory: pki.factory, format, since }
    return { ...facts, devices, certificates: devices, sha256: null }
  } finally {
    await register.close()
  }
}

async function writeAll(
  output: DeviceOutput,
  devices: AsyncIterable<DeviceCertificate>,
  signal: AbortSignal,
): Promise<number> {
  let count = 0
  try {
    for await (const some of chunksOf(oneByOne(devices), DEVICES_AT_ONCE)) {
      signal.throwIfAborted()
      await output.write(some.map(({ device, certificate }) => reusedDevice(device.uuid, device, certificate)))
      count += some.length
    }
    await output.finish()
    return count
  } catch (error) {
    await output.stop().catch(() => undefined)
    throw error
  }
}

/** The named CA, or the only one that has devices. */
async function caOfDevices(
  { directory }: OpenPki,
  register: DeviceRegister,
  file: string | null,
): Promise<Certificate> {
  const names = file === null ? (await directory.names()).filter(isDeviceCa) : [localCaFiles(file).certificate]
  const found: Certificate[] = []
  for (const name of names) {
    const pem = await directory.read(name)
    const ca = pem === null ? [] : [readPemCertificate(pem, `${directory.path}/${name}`)]
    found.push(...(file === null ? await withDevices(register, ca) : ca))
  }
  const [only, another] = found
  if (only !== undefined && another === undefined) return only
  const message =
    only === undefined
      ? `${directory.path} has no device CA${file === null ? ' with devices in the register' : ` ${file}`}.`
      : `The register of ${directory.path} has devices of several device CAs.`
  throw new FpkiError('ERR_USAGE', message, 'Name the device CA whose devices to export, such as site-b.pem.', {
    option: 'ca',
  })
}

async function withDevices(register: DeviceRegister, cas: readonly Certificate[]): Promise<readonly Certificate[]> {
  const counts = await Promise.all(cas.map((ca) => register.count({ ...ALL_DEVICES, ca: caFingerprint(ca) })))
  return cas.filter((_, at) => counts[at]?.devices !== 0)
}

function isDeviceCa(name: string): boolean {
  return isCertificateFile(name) && ['local-ca', 'online-ca'].includes(roleOfFile(name))
}
