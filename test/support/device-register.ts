import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Denial } from '../../src/devices/denial.js'
import { openDeviceRegister } from '../../src/devices/open.js'
import {
  DEFAULT_REISSUE_WINDOW,
  type DeviceRegister,
  type LineSettings,
  type NewCertificate,
} from '../../src/devices/register.js'
import { thisMachine } from '../../src/machine/index.js'
import { decodeOnePem } from '../../src/pki/pem.js'

/** A device of a register, whose certificate is not one: only what the test is about has to be given. */
export type DeviceFixture = Partial<NewCertificate> & { readonly uuid: string }

/** The UUID with this number. */
export function uuidNumber(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
}

/** The settings of a line without limits. */
export const UNLIMITED: LineSettings = {
  ...{ ca: null, quota: null, perDay: null, from: null, until: null, hardwareIds: null, group: null },
  allowsProduction: true,
  reissueWindow: DEFAULT_REISSUE_WINDOW,
}

/** When devices of fixtures are issued, unless it is said, and when their certificates expire. */
export const ISSUED_AT = Date.parse('2026-07-15T12:00:00Z')
export const EXPIRES_AT = Date.parse('2046-07-15T12:00:00Z')

/** A denial that can end, without anybody being informed. */
export function hold(at: number): Denial {
  return { reason: 'certificateHold', at, announce: false }
}

/** The fingerprint of a device CA in a PKI directory. */
export async function fingerprintOfFile(directory: string, file = 'local-ca.pem'): Promise<string> {
  const der = decodeOnePem('CERTIFICATE', await readFile(join(directory, file), 'utf8'), file)
  return createHash('sha256').update(der).digest('hex')
}

/**
 * Does something with a register.
 *
 * @param store a directory, whose register is created when it is missing; or the URL of a PostgreSQL database that has one
 */
export async function withRegister<T>(store: string, work: (register: DeviceRegister) => Promise<T>): Promise<T> {
  const isUrl = store.startsWith('postgres://')
  const options = isUrl ? { url: store, write: true } : { path: registerOf(store), create: true }
  const register = await openDeviceRegister(options, thisMachine())
  try {
    return await work(register)
  } finally {
    await register.close()
  }
}

/** The path of the register of a directory. */
export function registerOf(directory: string): string {
  return join(directory, 'devices.sqlite')
}

/** Records devices as if a line had issued them. Throws when one is refused. */
export async function recordDevices(
  directory: string,
  devices: readonly DeviceFixture[],
  { line = 'default', at = ISSUED_AT, ca = null as string | null } = {},
): Promise<void> {
  const signedBy = ca ?? (await fingerprintOfFile(directory))
  const outcomes = await withRegister(directory, (register) =>
    register.commit({
      ...{ line, ca: signedBy, at, announce: false },
      certificates: devices.map((device) => newCertificate(device, at)),
    }),
  )
  const refused = outcomes.find(({ kind }) => kind !== 'committed')
  if (refused !== undefined) throw new Error(JSON.stringify(refused))
}

function newCertificate(device: DeviceFixture, at: number): NewCertificate {
  // Another certificate of the device has another key.
  const hash = createHash('sha256').update(`${device.uuid} ${at}`).digest()
  const facts = { name: device.uuid, group: null, hardwareId: null, serialNumber: null, isProduction: false }
  return {
    ...facts,
    keyHash: hash,
    serial: `01${hash.toString('hex').slice(0, 38)}`,
    der: Buffer.concat([Buffer.from('3022', 'hex'), Buffer.from('0420', 'hex'), hash]),
    notAfter: EXPIRES_AT,
    proof: null,
    ...device,
  }
}
