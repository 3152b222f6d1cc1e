import { FpkiError } from '../../errors.js'
import type { DurableFiles } from '../../ports.js'
import { addressText, isLoopback, readAddress } from '../address.js'
import { newLog } from '../log.js'
import { isPrivateAddress } from '../networks.js'
import { type ReadyManager, untilStopped } from '../stop.js'
import { type KeyPairFiles, readKeyPair, type TlsPorts } from '../tls-identity.js'
import { serveRelay } from './relay.js'
import type { RelayResult } from './served-relay.js'
import { openUpstream } from './upstream.js'

/** Options of `fpki devices relay`. Paths are absolute. */
export interface RelayOptions {
  /** `HOST:PORT`, or `[ADDRESS]:PORT`. */
  readonly listen: string
  /** `https://HOST:PORT`. */
  readonly upstream: string
  /** The certificate and the key of the station. */
  readonly station: KeyPairFiles
  /** The only roots to trust; null: those of Node. */
  readonly ca: string | null
  /** Log only warnings and errors. */
  readonly isQuiet: boolean
}

/** Its ports. */
export interface ServeRelayPorts extends Pick<TlsPorts, 'files' | 'keys' | 'clock'> {
  readonly manager: ReadyManager
  /** Stops the relay. */
  readonly signal: AbortSignal
  /** Writes lines of the log. */
  log(text: string): void
}

/**
 * Relays registrations until `signal` is aborted. Calls `onReady` when it listens. Throws ERR_USAGE, ERR_BAD_FILE, ERR_BAD_KEY
 * before that, and nothing afterwards.
 */
export async function relayRegistrations(
  options: RelayOptions,
  ports: ServeRelayPorts,
  onReady: (served: RelayResult) => void,
): Promise<void> {
  const address = readAddress(options.listen, 'listen')
  if (!isLoopback(address.host) && !isPrivateAddress(address.host)) throw publicAddress(addressText(address))
  const origin = originOf(options.upstream)
  const identity = await readKeyPair(options.station, 'Check --cert and --key.', ports)
  const roots = options.ca === null ? null : await readRoots(ports.files, options.ca)
  const log = newLog({ write: ports.log }, ports.clock, options.isQuiet)
  const upstream = openUpstream({ origin, identity, roots })
  const server = await serveRelay(address, { upstream, log })
  try {
    await ports.manager.ready()
    onReady({ url: server.url, upstream: origin })
    await untilStopped(ports.signal)
    log.info({}, 'stopping')
    await ports.manager.stopping()
  } finally {
    await server.close()
    await upstream.close()
  }
  log.info({}, 'stopped')
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  const isOrigin = url?.protocol === 'https:' && url.href === `${url.origin}/`
  if (isOrigin) return url.origin
  const hint = 'Use https://HOST:PORT, without a path: devices choose /sign or /ota/devices/.'
  throw new FpkiError('ERR_USAGE', 'The registration service must be an https:// address.', hint, {
    option: 'upstream',
  })
}

async function readRoots(files: DurableFiles, path: string): Promise<string> {
  const text = await files.read(path, 1024 * 1024)
  if (text !== null) return text
  throw new FpkiError('ERR_USAGE', `No such file: ${path}.`, 'Check --ca.')
}

function publicAddress(address: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `Refusing to relay on ${address}: anybody who reaches it could register devices.`,
    'Listen on an address of the private network of the station, such as 192.168.10.1:8080.',
    { option: 'listen' },
  )
}
