import { join } from 'node:path'
import { OWN_FOLDER, REGISTRATION_FOLDER } from '../directory/names.js'
import { FpkiError } from '../errors.js'
import type { RegistrationService } from '../operations/registration/model.js'
import { VERSION } from '../version.js'
import { type Address, addressText, isLoopback, readAddress } from './address.js'
import { coalesced } from './caching.js'
import { type Log, newLog } from './log.js'
import { type Networks, readNetworks } from './networks.js'
import { type RegisterNow, type RegistrationMetrics, registrationMetrics } from './registration/metrics.js'
import type { ServeRegistrationResult } from './registration/served-registration.js'
import { serveRegistration as serveHttp } from './registration/server.js'
import { wrongCredentials } from './registration/wrong-credentials.js'
import { type ServiceStatus, serveStatus } from './status-server.js'
import { type ReadyManager, untilStopped } from './stop.js'
import { type TlsOptions, type TlsPorts, tlsIdentity } from './tls-identity.js'

/** Options of `fpki devices serve` that are about HTTP. */
export interface ServeRegistrationOptions extends TlsOptions {
  /** The PKI directory or kit: absolute. */
  readonly directory: string
  /** Where devices register: `HOST:PORT`, or `[ADDRESS]:PORT`. */
  readonly register: string
  /** Networks in CIDR notation whose clients are answered over plain HTTP; empty: only this machine. */
  readonly insecureHttp: readonly string[]
  /** Where `/healthz`, `/readyz` and `/metrics` are; null: nowhere. */
  readonly status: string | null
  /** The header with a plain token. */
  readonly tokenHeader: string
  /** Log only warnings and errors. */
  readonly isQuiet: boolean
}

/** A registration service, and what its register says. */
export interface OpenRegistration {
  readonly service: RegistrationService
  /** For the metrics. Throws FpkiError when the register is away. */
  registerNow(): Promise<RegisterNow>
}

/** Its ports. */
export interface ServeRegistrationPorts extends TlsPorts {
  /** Opens the service; called when the options are as they must be. */
  open(log: Log): Promise<OpenRegistration>
  readonly manager: ReadyManager
  /** Stops the server. */
  readonly signal: AbortSignal
  /** Writes lines of the log. */
  log(text: string): void
  residentBytes(): number
}

/**
 * Serves the registration of devices until `signal` is aborted, and then finishes what was accepted. Calls `onReady` when it
 * listens.
 *
 * @throws FpkiError before that: ERR_USAGE, ERR_BAD_KEY, ERR_BAD_FILE, ERR_PERMISSIONS, ERR_LOCKED, and what `open` throws
 */
export async function serveRegistration(
  options: ServeRegistrationOptions,
  ports: ServeRegistrationPorts,
  onReady: (served: ServeRegistrationResult) => void,
): Promise<void> {
  const plan = planServing(options)
  if (plan.clients !== null) ports.progress.warn(IN_THE_CLEAR)
  // First, so that nothing is written to what is not a PKI directory.
  const log = newLog({ write: ports.log }, ports.clock, options.isQuiet)
  const opened = await ports.open(log)
  try {
    const folder = join(options.directory, OWN_FOLDER, REGISTRATION_FOLDER)
    const place = { folder, command: 'fpki devices serve' }
    const tls = await tlsIdentity({ ...options, tls: plan.isTls }, plan.address.host, place, ports)
    if (tls.trust !== null) ports.progress.warn(OWN_CERTIFICATE)
    await serveOpened({ ...plan, ...tls }, options, { ...ports, ...opened, log }, onReady)
  } finally {
    await opened.service.close()
  }
}

const IN_THE_CLEAR = 'tokens are sent over the network in the clear.'
const OWN_CERTIFICATE =
  'fpki issued the certificate of this server: lmp-device-register and fioup refuse it unless the image of the device trusts its CA. Otherwise use --tls-cert, or `fpki devices relay` on the line.'

/** Where and how it listens. */
interface Plan {
  readonly address: Address
  readonly status: Address | null
  readonly isTls: boolean
  /** null: all. */
  readonly clients: Networks | null
}

function planServing({ register, status, tls, tlsFiles, insecureHttp }: ServeRegistrationOptions): Plan {
  const address = readAddress(register, 'register')
  const isInsecure = insecureHttp.length > 0
  if (isInsecure && tlsFiles !== null) throw insecureWithTls()
  const isTls = tls && !isInsecure
  if (!isTls && !isInsecure && !isLoopback(address.host)) throw plainHttpRefused(address)
  return {
    ...{ address, isTls },
    status: status === null ? null : readAddress(status, 'status'),
    clients: isInsecure ? readNetworks(insecureHttp, 'insecureHttp') : null,
  }
}

type OpenPorts = Omit<ServeRegistrationPorts, 'log'> & OpenRegistration & { readonly log: Log }

type Served = Plan & Awaited<ReturnType<typeof tlsIdentity>>

async function serveOpened(
  { address, status, clients, identity, trust }: Served,
  { directory, tokenHeader }: ServeRegistrationOptions,
  ports: OpenPorts,
  onReady: (served: ServeRegistrationResult) => void,
): Promise<void> {
  const { clock, signal, manager, service, log } = ports
  const metrics = registrationMetrics(VERSION, clock())
  const watched = status === null ? null : await serveStatus(status, log, statusOf(ports, metrics))
  try {
    const wrong = wrongCredentials(() => performance.now() / 1000)
    const options = { ...address, identity, clients, tokenHeader }
    const server = await serveHttp(options, { service, metrics, wrong, log })
    try {
      await manager.ready()
      onReady({ url: server.url, directory, status: watched?.url ?? null, trust })
      await untilStopped(signal)
      log.info({ inFlight: metrics.inFlight() }, 'stopping')
      await manager.stopping()
    } finally {
      await server.close()
    }
    log.info({}, 'stopped')
  } finally {
    await watched?.close()
  }
}

function statusOf(ports: OpenPorts, metrics: RegistrationMetrics): ServiceStatus {
  const { service, signal, clock, log } = ports
  const whyUnavailable = async () => (signal.aborted ? 'the service is stopping' : service.whyUnavailable())
  const read = coalesced(async () => ({
    isAvailable: (await whyUnavailable()) === null,
    register: await ports.registerNow().catch((error: unknown) => notRead(error, log)),
  }))
  return {
    whyUnavailable,
    metrics: async () => {
      const now = { at: clock().getTime(), residentBytes: ports.residentBytes(), ...(await read('')) }
      return { text: await metrics.text(now), contentType: metrics.contentType }
    },
  }
}

/** The metrics are most needed when something is away. */
function notRead(error: unknown, log: Log): null {
  if (!(error instanceof FpkiError)) throw error
  log.error({ code: error.code, message: error.message }, 'register not read')
  return null
}

function plainHttpRefused(address: Address): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `Refusing to serve ${addressText(address)} without TLS: tokens would be sent over the network in the clear.`,
    'Omit --no-tls, or listen on 127.0.0.1 behind a proxy with TLS. On a closed network, name its clients: --insecure-http 192.168.10.0/24',
  )
}

function insecureWithTls(): FpkiError {
  const hint = 'Leave out --insecure-http, or --tls-cert and --tls-key.'
  return new FpkiError('ERR_USAGE', 'Plain HTTP for the clients of a network has no use for a certificate.', hint)
}
