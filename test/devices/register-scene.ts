import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { openDeviceRegister } from '../../src/devices/open.js'
import {
  type Commit,
  type CommitOutcome,
  DEFAULT_LINE,
  type DeviceRegister,
  type ImportedCertificate,
  type NewCertificate,
} from '../../src/devices/register.js'
import { thisMachine } from '../../src/machine/index.js'
import { temporaryDirectory } from '../support/cli.js'

export { hold, UNLIMITED } from '../support/device-register.js'

/** 2026-11-26T12:00:00Z, in milliseconds. */
export const NOON = Date.UTC(2026, 10, 26, 12)
export const MINUTE = 60_000
export const DAY = 86_400_000
export const CA = createHash('sha256').update('local-ca').digest('hex')

/** A certificate of a new device; its octets are of no importance to the register. */
export function newCertificate(other: Partial<NewCertificate> = {}): NewCertificate {
  const uuid = other.uuid ?? randomUUID()
  return {
    uuid,
    keyHash: randomBytes(32),
    name: uuid,
    group: null,
    hardwareId: null,
    serialNumber: null,
    isProduction: false,
    serial: randomBytes(20).toString('hex'),
    der: randomBytes(64),
    notAfter: NOON + 365 * DAY,
    proof: null,
    ...other,
  }
}

export function newCertificates(count: number): readonly NewCertificate[] {
  return Array.from({ length: count }, () => newCertificate())
}

export function commitOf(certificates: readonly NewCertificate[], other: Partial<Commit> = {}): Commit {
  return { line: DEFAULT_LINE, ca: CA, at: NOON, announce: false, certificates, ...other }
}

export function importedOf(certificate: NewCertificate, other: Partial<ImportedCertificate> = {}): ImportedCertificate {
  const life = { state: 'active', endedAt: null, seenAt: null, denied: null } as const
  return { ...certificate, line: DEFAULT_LINE, ca: CA, issuedAt: NOON, ...life, ...other }
}

/** What became of each: `committed`, `existing`, or the code of the refusal. */
export function wordsOf(outcomes: readonly (CommitOutcome | { readonly kind: 'imported' | 'existing' })[]) {
  return outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.refusal.code : outcome.kind))
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const collected: Item[] = []
  for await (const item of items) collected.push(item)
  return collected
}

/** A new register in a file of its own. */
export async function sqliteScene() {
  const path = join(await temporaryDirectory(), 'devices.sqlite')
  const open = (create = true): Promise<DeviceRegister> => openDeviceRegister({ path, create }, thisMachine())
  return { path, open }
}
