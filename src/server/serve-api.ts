import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import type { FactoryApi } from '../factory/api.js'
import { embeddedFactories, hasEmbeddedFactory } from '../factory/embedded/index.js'
import { readTokens, serverFolder } from '../factory/embedded/tokens.js'
import { type FactoryRegisters, NO_REGISTERS } from '../operations/device-api/factory-registers.js'
import type { RegisterChoice } from '../operations/devices/open-register.js'
import { VERSION } from '../version.js'
import { isLoopback, readAddress } from './address.js'
import { authenticator } from './factory-api/authenticator.js'
import { readFaults } from './factory-api/faults.js'
import { serveFactories } from './factory-api/server.js'
import { newLog } from './log.js'
import { newMetrics } from './metrics.js'
import type { ServeApiResult } from './served-api.js'
import { type ReadyManager, untilStopped } from './stop.js'
import { type TlsOptions, type TlsPorts, tlsIdentity } from './tls-identity.js'

/** Options of `fpki api serve`. */
export interface ServeApiOptions extends TlsOptions {
  /** Absolute. */
  readonly stateDirectory: string
  /** `HOST:PORT`, or `[ADDRESS]:PORT`. */
  readonly listen: string
  /** `METHOD:NTH:kind`. */
  readonly faults: readonly string[]
  /** The device registers that the API answers from, one for each factory. */
  readonly devices: readonly RegisterChoice[]
  /** Log only warnings and errors. */
  readonly isQuiet: boolean
}

/** The ports of the server. */
export interface ServeApiPorts extends TlsPorts {
  /** The embedded API of an existing factory. */
  apiOf(factory: string): FactoryApi
  readonly manager: ReadyManager
  /** Stops the server. */
  readonly signal: AbortSignal
  /** Writes lines of the log. */
  log(text: string): void
  residentBytes(): number
}

/**
 * Serves the embedded Factory API until `signal` is aborted. Calls `onReady` when it listens. Throws ERR_USAGE, ERR_BAD_KEY,
 * ERR_BAD_FILE, ERR_PERMISSIONS, ERR_LOCKED before that, and nothing afterwards.
 */
export async function serveApi(
  options: ServeApiOptions,
  ports: ServeApiPorts,
  onReady: (served: ServeApiResult) => void,
): Promise<void> {
  const { stateDirectory } = options
  const { files, clock, signal, manager, apiOf, residentBytes } = ports
  const folder = serverFolder(stateDirectory)
  const address = readAddress(options.listen, 'listen')
  if (!options.tls && !isLoopback(address.host)) throw plainHttpRefused(options.listen)
  const faults = readFaults(options.faults)
  const { identity, trust } = await tlsIdentity(options, address.host, { folder, command: 'fpki api serve' }, ports)
  const registers = await registersFor(options, ports)
  const oauthKey = await loadOAuthKey(ports, stateDirectory)
  const log = newLog({ write: ports.log }, clock, options.isQuiet)
  const metrics = newMetrics(VERSION, clock())
  const server = await serveFactories(
    { ...address, identity, oauthKey, version: VERSION },
    {
      files,
      clock,
      stateDirectory,
      faults,
      log,
      metrics,
      apiOf,
      registers,
      residentBytes,
      authenticator: authenticator(files, stateDirectory, oauthKey),
    },
  )
  try {
    const factories = await embeddedFactories(files, stateDirectory)
    const tokens = (await readTokens(files, stateDirectory)).length
    const devices = [...registers.directories]
    await manager.ready()
    onReady({ url: server.url, stateDirectory, factories: [...factories], tokens, trust, devices })
    await untilStopped(signal)
    log.info({ inFlight: metrics.inFlight() }, 'stopping')
    await manager.stopping()
  } finally {
    await server.close()
    await registers.close()
  }
  log.info({}, 'stopped')
}

/** Loaded when there are any: the database is not needed for the rest. */
async function registersFor(
  { devices, stateDirectory }: ServeApiOptions,
  { apiOf, ...ports }: ServeApiPorts,
): Promise<FactoryRegisters> {
  if (devices.length === 0) return NO_REGISTERS
  const { openRegisters } = await import('../operations/device-api/open-registers.js')
  const certificatesOf = async (factory: string) =>
    (await hasEmbeddedFactory(ports.files, stateDirectory, factory)) ? apiOf(factory).getCertificates() : null
  return openRegisters(devices, { ...ports, certificatesOf })
}

/** The key of OAuth tokens, created at the first start, so that tokens survive a restart. */
async function loadOAuthKey({ files, random }: ServeApiPorts, stateDirectory: string): Promise<Uint8Array> {
  const path = join(serverFolder(stateDirectory), 'oauth.key')
  await files.makeDirectory(serverFolder(stateDirectory))
  // Anyone who can write there could add a token.
  await files.checkDirectory(serverFolder(stateDirectory))
  if ((await files.read(path, 1024)) === null) {
    const text = `${Buffer.from(random.bytes(32)).toString('hex')}\n`
    await files.create(path, text, 0o600).catch((error: unknown) => {
      // Another server created it at the same time; both use its key.
      if (!(error instanceof FpkiError) || error.code !== 'ERR_EXISTS') throw error
    })
  }
  const text = (await files.read(path, 1024)) ?? ''
  if (/^[0-9a-f]{64}\n$/.test(text)) return Buffer.from(text.trim(), 'hex')
  throw new FpkiError('ERR_BAD_FILE', `${path} is damaged.`, 'Remove it; clients then request new OAuth tokens.')
}

function plainHttpRefused(listen: string): FpkiError {
  const message = `Refusing to serve ${listen} without TLS: tokens would be sent over the network in the clear.`
  return new FpkiError('ERR_USAGE', message, 'Omit --no-tls, or listen on 127.0.0.1 behind a proxy with TLS.')
}
