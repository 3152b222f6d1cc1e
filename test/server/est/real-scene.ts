import { createHash, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { DeviceDetails, LineSettings } from '../../../src/devices/register.js'
import { batchesInThisThread } from '../../../src/issuance/device-batch/in-this-thread.js'
import { thisMachine, waitOrAbort } from '../../../src/machine/index.js'
import { openDeviceServices } from '../../../src/operations/device-services/open-device-services.js'
import type { RegistrationPorts } from '../../../src/operations/registration/options.js'
import { DEFAULT_OVERLAP, type RenewalTerms } from '../../../src/operations/renewal/options.js'
import { estMetrics } from '../../../src/server/est/metrics.js'
import { serveEst } from '../../../src/server/est/server.js'
import { newLog } from '../../../src/server/log.js'
import { wrongCredentials } from '../../../src/server/wrong-credentials.js'
import { copiedPki, type Made } from '../../cli/made.js'
import { UNLIMITED, withRegister } from '../../support/device-register.js'
import { quickLocks } from '../../support/quick-locks.js'
import { newServerIdentity, type SelfSigned } from '../registration/tls.js'
import { derOf, type EstServer } from './clients.js'
import { newDevice, type TestCa, type TestDevice, type Unusual } from './device-certificates.js'

/** EST for a real PKI with a real register, at a time that the test sets. */
export interface RealScene {
  readonly made: Made
  /** local-ca. */
  readonly ca: TestCa
  now(): Date
  later(milliseconds: number): void
  /** A device with a certificate of local-ca. */
  device(unusual?: Unusual, uuid?: string): TestDevice
  /** The same, and the register has it. */
  knownDevice(
    unusual?: Unusual & { readonly line?: string; readonly production?: boolean; readonly uuid?: string },
  ): Promise<TestDevice>
  line(name: string, settings?: Partial<LineSettings>): Promise<void>
  /** Starts EST; it ends with the test, or with `stop`. */
  serve(
    terms?: Partial<RenewalTerms>,
    ports?: Partial<RegistrationPorts>,
  ): Promise<EstServer & { stop(): Promise<void> }>
  /** null: the register does not have it. */
  details(uuid: string): Promise<DeviceDetails | null>
  /** How many certificates the tests have put into the register. */
  imported(): number
}

/** OpenSSL makes one for all tests. */
let identities: Promise<SelfSigned> | null = null

const TERMS: RenewalTerms = {
  ...{ line: null, renewExpired: 0, renewFrom: 0, overlap: DEFAULT_OVERLAP, adopt: false },
  ...{ clientCas: [], clientMap: null },
}

export async function realScene(): Promise<RealScene> {
  const made = await copiedPki()
  const { directory } = made
  identities ??= newServerIdentity()
  const identity = await identities
  const ca = {
    cert: await readFile(join(directory, 'local-ca.pem'), 'utf8'),
    key: await readFile(join(directory, 'local-ca.key'), 'utf8'),
  }
  const fingerprint = createHash('sha256').update(derOf(ca.cert)).digest('hex')
  let at = Date.now()
  let imported = 0
  const now = () => new Date(at)
  const machine = thisMachine(quickLocks())
  const device = (unusual: Unusual = {}, uuid: string = randomUUID()) => newDevice(uuid, ca, now(), unusual)
  return {
    ...{ made, ca, now, device, imported: () => imported },
    later: (milliseconds) => {
      at += milliseconds
    },
    knownDevice: async ({ line = 'default', production = false, uuid: wanted, ...unusual } = {}) => {
      const one = device(unusual, wanted)
      const { uuid, keyHash, serial, der, notAfter } = one
      const facts = { name: uuid, group: null, hardwareId: null, serialNumber: null, isProduction: production }
      const [outcome] = await withRegister(directory, (register) =>
        register.importCertificates([
          {
            ...{ uuid, keyHash, serial, der, ...facts, line, ca: fingerprint },
            ...{ notAfter: notAfter.getTime(), issuedAt: at - 60_000, state: 'active' as const },
            ...{ endedAt: null, seenAt: null, denied: null },
          },
        ]),
      )
      if (outcome?.kind !== 'imported') throw new Error(JSON.stringify(outcome))
      imported += 1
      return one
    },
    line: (name, settings = {}) =>
      withRegister(directory, async ({ lines }) => {
        await lines.create(name, { ...UNLIMITED, ...settings }, at)
      }),
    serve: async (terms = {}, ports = {}) => {
      const services = await openDeviceServices(
        {
          ...{ directory, factory: null, store: null, days: null, hsmSessions: 1, registration: null, ocsp: null },
          renewal: { ...TERMS, ...terms },
        },
        {
          ...machine,
          clock: now,
          progress: { step: () => undefined, note: () => undefined, warn: () => undefined },
          wait: waitOrAbort,
          newBatches: (issuer) => batchesInThisThread(issuer, machine),
          ...ports,
        },
      )
      const { renewal: service } = services
      if (service === null) throw new Error('no service')
      const log = newLog({ write: () => undefined } as never, now, true)
      const server = await serveEst(
        { host: '127.0.0.1', port: 0, identity: { key: identity.key, certificate: identity.cert }, status: 'auto' },
        { service, metrics: estMetrics(), wrong: wrongCredentials(() => 0), log },
      )
      let stopping: Promise<void> | null = null
      const stop = () => {
        stopping ??= server.close().then(services.close)
        return stopping
      }
      onTestFinished(stop)
      return { base: `${server.url}/.well-known/est`, trust: identity.cert, stop }
    },
    details: (uuid) => withRegister(directory, (register) => register.device(uuid)),
  }
}
