import { onTestFinished } from 'vitest'
import type { FpkiError } from '../../../src/errors.js'
import { embeddedPortsOn, thisMachine } from '../../../src/machine/index.js'
import { openRegistration } from '../../../src/operations/registration/open-registration.js'
import type { RegistrationOptions, RegistrationPorts } from '../../../src/operations/registration/options.js'
import { serveDevices } from '../../../src/server/serve-devices.js'
import type { ServeDevicesResult } from '../../../src/server/served-devices.js'
import type { RegistrationScene } from '../../operations/registration/scene.js'
import { deviceCsr } from '../../support/device-requests.js'
import { quickLocks } from '../../support/quick-locks.js'
import { type ClientAnswer, send } from '../../support/register-client.js'

/** All of `fpki devices serve` but its command line, in this process, at a time that the test sets. */
export interface RealService {
  get(path: '/sign' | '/readyz' | '/metrics'): Promise<ClientAnswer>
  /** Registers a device; by default a new one. */
  register(token: string, device?: Pick<ReturnType<typeof deviceCsr>, 'uuid' | 'pem'>): Promise<ClientAnswer>
  later(milliseconds: number): void
  log(): string
  /** Settles when it has ended. */
  ended(): Promise<void>
}

/** Starts it; it ends with the test. */
export async function realService(
  scene: RegistrationScene,
  start: Date,
  changes: {
    readonly options?: Partial<RegistrationOptions>
    readonly ports?: Partial<RegistrationPorts>
    readonly failure?: Promise<FpkiError>
  } = {},
): Promise<RealService> {
  let now = start.getTime()
  let log = ''
  const clock = () => new Date(now)
  const stop = new AbortController()
  const registrationPorts = scene.ports({ clock, ...changes.ports })
  const ports = {
    ...embeddedPortsOn({ ...thisMachine(quickLocks()), clock }, stop.signal),
    open: async () => {
      const registration = await openRegistration(scene.options(changes.options), registrationPorts)
      const life = async () => ({ denied: 0, unconfirmed: 0, expiring: [] })
      const register = changes.failure === undefined ? {} : { failure: changes.failure }
      return { registration, renewal: null, ocsp: null, life, register, close: registration.close }
    },
    estIdentity: () => Promise.reject(new Error('EST is not served')),
    manager: { ready: async () => undefined, stopping: async () => undefined },
    progress: registrationPorts.progress,
    signal: stop.signal,
    log: (text: string) => {
      log += text
    },
    residentBytes: () => 1,
    hostName: () => 'localhost',
  }
  const registration = {
    ...{ register: '127.0.0.1:0', insecureHttp: [], tls: false, tlsFiles: null, names: [], tokenHeader: 'OSF-TOKEN' },
  }
  const services = { registration, est: null, ocsp: null }
  const options = { directory: scene.directory, ...services, status: '127.0.0.1:0', isQuiet: false }
  let ended = Promise.resolve()
  const { url, status } = await new Promise<ServeDevicesResult>((resolve, reject) => {
    ended = serveDevices(options, ports, resolve)
    ended.catch(reject)
    onTestFinished(() => {
      stop.abort()
      return changes.failure === undefined ? ended : ended.catch(() => undefined)
    })
  })
  return {
    get: (path) => send({ api: (path === '/sign' ? url : status) ?? '' }, { method: 'GET', path }),
    register: (token, { uuid, pem } = deviceCsr()) => {
      const headers = { 'Content-Type': 'application/json', 'OSF-TOKEN': token }
      const body = JSON.stringify({ uuid, csr: pem })
      return send({ api: url ?? '', headers }, { method: 'POST', path: '/sign', body })
    },
    later: (milliseconds) => {
      now += milliseconds
    },
    log: () => log,
    ended: () => ended,
  }
}
