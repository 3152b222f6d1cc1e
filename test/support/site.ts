import { createPrivateKey, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { LineSettings, NewCertificate } from '../../src/devices/register.js'
import { batchesInThisThread } from '../../src/issuance/device-batch/in-this-thread.js'
import { thisMachine } from '../../src/machine/index.js'
import { caFingerprint } from '../../src/operations/devices/ca-fingerprint.js'
import { type Certificate, readPemCertificate } from '../../src/pki/read-certificate.js'
import { validityFrom } from '../../src/pki/validity.js'
import { copiedPki, type Made } from '../cli/made.js'
import { UNLIMITED, withRegister } from './device-register.js'

export { withRegister } from './device-register.js'

/** A PKI with the device CA site-b, made once a test file, and copied. */
export function pkiWithSite(): Promise<Made> {
  return copiedPki(madeSite)
}

async function madeSite(): Promise<Made> {
  const made = await copiedPki()
  const words = ['ca', 'add-device-ca', made.directory, '--local-ca', '--local-ca-filename', 'site-b', '--quiet']
  const { home } = made
  expect(await home.fpki(words, { env: { FPKI_STATE_DIR: home.state } })).toMatchObject({ status: 0 })
  return made
}

/** The certificate of a device CA in a directory. */
async function caIn(directory: string, file = 'site-b.pem'): Promise<Certificate> {
  return readPemCertificate(await readFile(join(directory, file), 'utf8'), file)
}

/** A line that site-b issues with. */
export async function createLine(directory: string, name: string, settings: Partial<LineSettings> = {}): Promise<void> {
  const ca = caFingerprint(await caIn(directory))
  await withRegister(directory, ({ lines }) => lines.create(name, { ...UNLIMITED, ca, ...settings }, Date.now()))
}

/** Certificates that a device CA in a directory has signed, for new devices unless `uuids` are given. */
export async function signedIn(
  directory: string,
  count: number,
  { file = 'site-b.pem', uuids = [], at = new Date() }: { file?: string; uuids?: readonly string[]; at?: Date } = {},
): Promise<readonly NewCertificate[]> {
  const ca = await caIn(directory, file)
  const privateKey = createPrivateKey(await readFile(join(directory, file.replace('.pem', '.key')), 'utf8'))
  const batches = batchesInThisThread({ factory: 'acme', ca, key: { kind: 'file', privateKey } }, thisMachine())
  const devices = Array.from({ length: count }, (_, index) => ({
    uuid: uuids[index] ?? randomUUID(),
    isProduction: false,
  }))
  const keys = await batches.makeKeys(devices)
  const validity = validityFrom(at, { days: 365 }, ca)
  const issued = await batches.certify(keys, validity)
  await batches.close()
  return keys.map(({ uuid, keyHash, isProduction }, index) => {
    const { serial = '', der = new Uint8Array() } = issued[index] ?? {}
    const facts = {
      name: `device ${index}`,
      group: 'pilot',
      hardwareId: 'board',
      serialNumber: `SN${index}`,
      isProduction,
    }
    return { uuid, keyHash, serial, der, notAfter: validity.notAfter?.getTime() ?? 0, proof: null, ...facts }
  })
}

/** Issues certificates to new devices with a line of a directory; resolves to what the register recorded. */
export async function issueIn(
  directory: string,
  line: string,
  count: number,
  options: { file?: string; uuids?: readonly string[]; at?: Date } = {},
): Promise<readonly NewCertificate[]> {
  const certificates = await signedIn(directory, count, options)
  const ca = caFingerprint(await caIn(directory, options.file))
  const at = (options.at ?? new Date()).getTime()
  await withRegister(directory, async (register) => {
    const outcomes = await register.commit({ line, ca, at, announce: false, certificates })
    expect(outcomes.map(({ kind }) => kind)).toEqual(certificates.map(() => 'committed'))
  })
  return certificates
}
