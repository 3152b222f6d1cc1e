import { join } from 'node:path'
import { OWN_FOLDER, REGISTRATION_FOLDER } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import type { RegistrationService } from '../../operations/registration/model.js'
import type { Clock, Progress } from '../../ports.js'
import { VERSION } from '../../version.js'
import { type Address, addressText, isLoopback, readAddress } from '../address.js'
import { coalesced } from '../caching.js'
import { notRead } from '../life-metrics.js'
import type { Listener } from '../listener.js'
import type { Log } from '../log.js'
import { type Networks, readNetworks } from '../networks.js'
import { type TlsIdentity, type TlsOptions, type TlsPorts, tlsIdentity } from '../tls-identity.js'
import { wrongCredentials } from '../wrong-credentials.js'
import { registrationMetrics } from './metrics.js'
import { serveRegistration } from './server.js'

/** Options of the registration of devices over HTTP. */
export interface RegistrationListenerOptions extends TlsOptions {
  /** Where devices register: `HOST:PORT`, or `[ADDRESS]:PORT`. */
  readonly register: string
  /** Networks in CIDR notation whose clients are answered over plain HTTP; empty: only this machine. */
  readonly insecureHttp: readonly string[]
  /** The header with a plain token. */
  readonly tokenHeader: string
}

/** Where and how it listens. */
export interface RegistrationPlan extends RegistrationListenerOptions {
  readonly address: Address
  /** null: all. */
  readonly clients: Networks | null
}

/** Its ports. */
export interface RegistrationListenerPorts extends TlsPorts {
  readonly clock: Clock
  readonly progress: Progress
  readonly log: Log
  readonly service: RegistrationService
}

const IN_THE_CLEAR = 'tokens are sent over the network in the clear.'
const OWN_CERTIFICATE =
  'fpki issued the certificate of this server: lmp-device-register and fioup refuse it unless the image of the device trusts its CA. Otherwise use --tls-cert, or `fpki devices relay` on the line.'

/** Checks the options. Throws ERR_USAGE. */
export function planRegistration(
  options: RegistrationListenerOptions,
  { progress }: { readonly progress: Progress },
): RegistrationPlan {
  const { register, tls, tlsFiles, insecureHttp } = options
  const address = readAddress(register, 'register')
  const isInsecure = insecureHttp.length > 0
  if (isInsecure && tlsFiles !== null) throw insecureWithTls()
  const isTls = tls && !isInsecure
  if (!isTls && !isInsecure && !isLoopback(address.host)) throw plainHttpRefused(address)
  const clients = isInsecure ? readNetworks(insecureHttp, 'insecureHttp') : null
  if (clients !== null) progress.warn(IN_THE_CLEAR)
  return { ...options, address, tls: isTls, clients }
}

/** Registration on its address, and what clients must trust. Throws ERR_USAGE, ERR_BAD_KEY, ERR_BAD_FILE, ERR_LOCKED. */
export async function registrationListener(
  plan: RegistrationPlan,
  directory: string,
  ports: RegistrationListenerPorts,
): Promise<Listener & Pick<TlsIdentity, 'trust'>> {
  const { clock, log, service, progress } = ports
  const folder = join(directory, OWN_FOLDER, REGISTRATION_FOLDER)
  const { identity, trust } = await tlsIdentity(
    plan,
    plan.address.host,
    { folder, command: 'fpki devices serve' },
    ports,
  )
  if (trust !== null) progress.warn(OWN_CERTIFICATE)
  const metrics = registrationMetrics(VERSION, clock())
  const read = coalesced(async () => ({
    isAvailable: (await service.whyUnavailable()) === null,
    register: await service.state().catch((error: unknown) => notRead(error, log)),
  }))
  const { address, clients, tokenHeader } = plan
  return {
    trust,
    whyUnavailable: service.whyUnavailable,
    inFlight: metrics.inFlight,
    metrics: async () => metrics.text({ at: clock().getTime(), ...(await read('')) }),
    listen: () => {
      const wrong = wrongCredentials(() => performance.now() / 1000)
      return serveRegistration({ ...address, identity, clients, tokenHeader }, { service, metrics, wrong, log })
    },
  }
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
