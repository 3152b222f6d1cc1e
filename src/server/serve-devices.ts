import type { LifeCounts } from '../devices/renewal.js'
import { FpkiError } from '../errors.js'
import type { OcspService } from '../operations/ocsp/model.js'
import type { RegistrationService } from '../operations/registration/model.js'
import type { RenewalService } from '../operations/renewal/model.js'
import { readAddress } from './address.js'
import { coalesced } from './caching.js'
import { type EstListenerOptions, type EstListenerPorts, estListener, planEst } from './est/listener.js'
import type { HttpServer } from './http-server.js'
import { lifeMetrics, notRead } from './life-metrics.js'
import type { Listener } from './listener.js'
import { type Log, newLog } from './log.js'
import { processMetrics } from './metrics.js'
import { type OcspListenerOptions, ocspListener, planOcsp } from './ocsp/listener.js'
import { planRegistration, type RegistrationListenerOptions, registrationListener } from './registration/listener.js'
import type { ServeDevicesResult } from './served-devices.js'
import { type ServiceStatus, serveStatus } from './status-server.js'
import { type ReadyManager, untilStopped } from './stop.js'
import type { TlsPorts } from './tls-identity.js'

/** Options of `fpki devices serve` that are about HTTP. */
export interface ServeDevicesOptions {
  /** The PKI directory or kit: absolute. */
  readonly directory: string
  /** null: devices do not register. */
  readonly registration: RegistrationListenerOptions | null
  /** null: certificates are not renewed. */
  readonly est: EstListenerOptions | null
  /** null: OCSP requests are not answered. */
  readonly ocsp: OcspListenerOptions | null
  /** Where `/healthz`, `/readyz` and `/metrics` are; null: nowhere. */
  readonly status: string | null
  /** Log only warnings and errors. */
  readonly isQuiet: boolean
}

/** The services that are served: those that were asked for. */
interface ServedServices {
  readonly registration: RegistrationService | null
  readonly renewal: RenewalService | null
  readonly ocsp: OcspService | null
  readonly register?: {
    /** Resolves to the reason when the register can never work again; a process that starts anew may. */
    readonly failure?: Promise<FpkiError>
  }
  /** What is going to happen to devices. Throws FpkiError when the register is not available. */
  life(): Promise<LifeCounts>
  close(): Promise<void>
}

/** Its ports. */
export interface ServeDevicesPorts extends TlsPorts, Pick<EstListenerPorts, 'estIdentity'> {
  /** Opens the services; called when the options are as they must be. */
  open(log: Log): Promise<ServedServices>
  readonly manager: ReadyManager
  /** Stops the server. */
  readonly signal: AbortSignal
  /** Writes lines of the log. */
  log(text: string): void
  residentBytes(): number
}

/**
 * Serves devices until `signal` is aborted, and then finishes what was accepted. Calls `onReady` when it listens.
 *
 * @throws FpkiError why the register can never work again, after `onReady`; before it: ERR_USAGE, ERR_BAD_KEY, ERR_BAD_FILE, ERR_PERMISSIONS, ERR_LOCKED, and what `open` throws
 */
export async function serveDevices(
  options: ServeDevicesOptions,
  ports: ServeDevicesPorts,
  onReady: (served: ServeDevicesResult) => void,
): Promise<void> {
  const { directory, status } = options
  const plans = {
    registration: options.registration === null ? null : planRegistration(options.registration, ports),
    est: options.est === null ? null : planEst(options.est),
    ocsp: options.ocsp === null ? null : planOcsp(options.ocsp),
  }
  if (Object.values(plans).every((plan) => plan === null)) throw nothingToServe()
  const statusAddress = status === null ? null : readAddress(status, 'status')
  const log = newLog({ write: ports.log }, ports.clock, options.isQuiet)
  // First, so that nothing is written to what is not a PKI directory.
  const services = await ports.open(log)
  try {
    const common = { ...ports, log }
    const listeners = await listenersOf(plans, directory, services, common)
    await serveAll(listeners, { ...common, statusAddress, services }, (served) =>
      onReady({ directory, trust: listeners.url?.trust ?? null, ...served }),
    )
  } finally {
    await services.close()
  }
}

/** Where each service listens. */
interface Plans {
  readonly registration: ReturnType<typeof planRegistration> | null
  readonly est: ReturnType<typeof planEst> | null
  readonly ocsp: ReturnType<typeof planOcsp> | null
}

/** The keys are those of the result: a further service is one more. */
async function listenersOf(
  plans: Plans,
  directory: string,
  { registration, renewal, ocsp }: ServedServices,
  ports: Omit<ServeDevicesPorts, 'log'> & { readonly log: Log },
) {
  const url =
    plans.registration === null || registration === null
      ? null
      : await registrationListener(plans.registration, directory, { ...ports, service: registration })
  const est =
    plans.est === null || renewal === null
      ? null
      : await estListener(plans.est, directory, { ...ports, service: renewal })
  return {
    url,
    est,
    ocsp: plans.ocsp === null || ocsp === null ? null : ocspListener(plans.ocsp, { ...ports, service: ocsp }),
  }
}

type Name = 'url' | 'est' | 'ocsp'

interface AllPorts extends Omit<ServeDevicesPorts, 'log'> {
  readonly log: Log
  readonly statusAddress: ReturnType<typeof readAddress> | null
  readonly services: Pick<ServedServices, 'life' | 'register'>
}

async function serveAll(
  listeners: Readonly<Record<Name, Listener | null>>,
  ports: AllPorts,
  onReady: (served: Record<Name | 'status', string | null>) => void,
): Promise<void> {
  const { manager, signal, log, statusAddress, services } = ports
  const all = Object.values(listeners).filter((one) => one !== null)
  const watched = statusAddress === null ? null : await serveStatus(statusAddress, log, statusOf(all, ports))
  const servers: HttpServer[] = []
  const listen = async (listener: Listener | null) => {
    if (listener === null) return null
    const server = await listener.listen()
    servers.push(server)
    return server.url
  }
  try {
    try {
      const served = {
        url: await listen(listeners.url),
        est: await listen(listeners.est),
        ocsp: await listen(listeners.ocsp),
      }
      await manager.ready()
      onReady({ ...served, status: watched?.url ?? null })
      const failure = await stopOrFailure(signal, services.register?.failure)
      if (failure !== null) log.error({ code: failure.code, message: failure.message }, 'failure')
      log.info({ inFlight: all.reduce((sum, one) => sum + one.inFlight(), 0) }, 'stopping')
      await manager.stopping()
      if (failure !== null) throw failure
    } finally {
      await Promise.all(servers.map((server) => server.close()))
    }
    log.info({}, 'stopped')
  } finally {
    await watched?.close()
  }
}

/** Resolves to null when the signal is aborted. */
async function stopOrFailure(signal: AbortSignal, failure?: Promise<FpkiError>): Promise<FpkiError | null> {
  const stopped = untilStopped(signal).then(() => null)
  return failure === undefined ? stopped : Promise.race([stopped, failure])
}

/** The process is ready while one of its services can work: another one must not be cut off from its clients. */
function statusOf(listeners: readonly Listener[], { signal, residentBytes, services, log }: AllPorts): ServiceStatus {
  const process = processMetrics()
  const life = lifeMetrics()
  const counted = coalesced(() => services.life().catch((error: unknown) => notRead(error, log)))
  return {
    whyUnavailable: async () => {
      if (signal.aborted) return 'the service is stopping'
      const reasons = await Promise.all(listeners.map((one) => one.whyUnavailable()))
      return reasons.includes(null) ? null : (reasons[0] ?? null)
    },
    metrics: async () => {
      const texts = await Promise.all(listeners.map((one) => one.metrics()))
      const ofDevices = await life.text(await counted(''))
      const ofProcess = await process.text(residentBytes())
      return { text: [...texts, ofDevices, ofProcess].join('\n'), contentType: process.contentType }
    },
  }
}

function nothingToServe(): FpkiError {
  const hint = 'Pass an address to register devices, to renew their certificates, or to answer OCSP requests'
  return new FpkiError('ERR_USAGE', 'There is nothing to serve.', `${hint}.`, { option: 'serve' })
}
