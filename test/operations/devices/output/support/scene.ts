import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { DeviceOutput, IssuedDevice } from '../../../../../src/operations/devices/model.js'
import { openDeviceOutput } from '../../../../../src/operations/devices/output/open-output.js'
import type { DeviceOutputOptions } from '../../../../../src/operations/devices/output/settings.js'
import type { FileSystem } from '../../../../../src/ports.js'
import { batchFiles } from '../../../../../src/storage/batch-files.js'
import { concurrentFileSystem } from '../../../../../src/storage/concurrent-file-system.js'
import { durableFiles } from '../../../../../src/storage/files.js'

/** What the registration reference answered to lmp-device-register: the files of a device, by their names. */
export type Answer = Readonly<Record<'client.pem' | 'client.chained' | 'root.crt' | 'sota.toml', string>>

const recorded = readFileSync(new URL('../../../../fixtures/devices/registration.jsonl', import.meta.url), 'utf8')
const registrations = recorded
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
  .filter(({ response }) => response.status === 201)
  .map(({ request, response }) => ({ uuid: JSON.parse(request.body).uuid, answer: JSON.parse(response.body) }))

/** The answers of the reference; all of one root and one CA. */
export const ANSWERS: readonly { readonly uuid: string; readonly answer: Answer }[] = registrations

const [first] = ANSWERS
if (first === undefined) throw new Error('no registration was recorded')

/** The settings of the factory that was recorded. */
export const SETTINGS = {
  rootPem: first.answer['root.crt'],
  caPem: first.answer['client.chained'].slice(first.answer['client.pem'].length + 1),
  gateway: 'https://gw.acme.example:8443',
  ostree: 'https://ostree.acme.example:8443',
}

/** A device with a certificate of the reference, as the operation hands it over after its commit. */
export function device(at: number, others: Partial<IssuedDevice> = {}): IssuedDevice {
  const { uuid, answer } = ANSWERS[at % ANSWERS.length] ?? first ?? (ANSWERS[0] as never)
  const certificate = new X509Certificate(answer['client.pem'])
  return {
    ...{ kind: 'issued', at: `line ${at + 1}`, uuid, serial: certificate.serialNumber.toLowerCase() },
    ...{ der: new Uint8Array(certificate.raw), issuedAt: Date.parse(certificate.validFrom) },
    ...{ notAfter: Date.parse(certificate.validTo), name: uuid, group: null, hardwareId: null },
    ...{ serialNumber: null, isProduction: false },
    ...others,
  }
}

/** All recorded devices: different UUIDs, different certificates. */
export const DEVICES = [...new Map(ANSWERS.map(({ uuid }, at) => [uuid, device(at)])).values()]

/** An output on a file system: of this machine when there is no other. */
export function openOn(
  options: Omit<DeviceOutputOptions, 'device' | 'makesKeys'> & Partial<DeviceOutputOptions>,
  { fs = concurrentFileSystem(), stdout = { write: async () => undefined }, many }: OutputScene = {},
): Promise<DeviceOutput> {
  const ports = { files: durableFiles(fs), batches: batchesOn(fs, many), stdout }
  return openDeviceOutput({ device: SETTINGS, makesKeys: false, ...options }, ports)
}

export interface OutputScene {
  readonly fs?: FileSystem
  /** From how many files on they are synced together. */
  readonly many?: number | undefined
  readonly stdout?: { write(octets: Uint8Array): Promise<void> }
}

export function batchesOn(fs: FileSystem, many?: number) {
  return batchFiles(fs, { bytes: (size) => new Uint8Array(randomBytes(size)) }, many)
}

/** A new key, and its public half. */
export function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  return {
    privateKeyPem: privateKey.export({ format: 'pem', type: 'sec1' }).toString(),
    spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
  }
}
