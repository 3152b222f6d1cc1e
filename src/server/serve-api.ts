import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import type { FactoryApi } from '../factory/api.js'
import { embeddedFactories } from '../factory/embedded/index.js'
import { readTokens, serverFolder, type TokenPorts } from '../factory/embedded/tokens.js'
import { provesPossession } from '../pki/possession.js'
import { readPemCertificates } from '../pki/read-certificate.js'
import type { Progress, Signer } from '../ports.js'
import { VERSION } from '../version.js'
import { readFaults } from './factory-api/faults.js'
import { gate } from './factory-api/gate.js'
import { serveFactories } from './factory-api/server.js'
import { newLog } from './log.js'
import { newMetrics } from './metrics.js'
import { ownIdentity, type ServerIdentity } from './own-certificate.js'
import type { ServeApiResult } from './served-api.js'

/** How the embedded Factory API is served. */
export interface ServeApiOptions {
  /** Absolute. */
  readonly stateDirectory: string
  /** `HOST:PORT`, or `[ADDRESS]:PORT`. */
  readonly listen: string
  /** false: plain HTTP, on a loopback address only. */
  readonly tls: boolean
  /** Paths of PEM files; null: fpki makes its own. */
  readonly given: { readonly certificate: string; readonly key: string } | null
  /** More names for a certificate of its own. */
  readonly names: readonly string[]
  /** `METHOD:NTH:kind`. */
  readonly faults: readonly string[]
  /** Nothing is logged but warnings and errors. */
  readonly isQuiet: boolean
}

/** What the server is given. */
export interface ServeApiPorts extends TokenPorts {
  readonly keys: { newPem(): string; open(pem: string, what: string): Promise<Signer> }
  /** The embedded API of a factory that is there. */
  apiOf(factory: string): FactoryApi
  readonly progress: Progress
  /** Aborted: stop. */
  readonly signal: AbortSignal
  /** Takes the lines of the log. */
  log(text: string): void
  residentBytes(): number
  /** The name of this machine. */
  hostName(): string
}

/**
 * Serves the embedded Factory API until `signal` is aborted. `onReady` is told when it listens. Throws ERR_USAGE,
 * ERR_BAD_KEY, ERR_BAD_FILE, ERR_PERMISSIONS, ERR_LOCKED; nothing once it serves.
 */
export async function serveApi(
  options: ServeApiOptions,
  ports: ServeApiPorts,
  onReady: (served: ServeApiResult) => void,
): Promise<void> {
  const { stateDirectory } = options
  const { files, clock, signal, apiOf, residentBytes } = ports
  const { host, port } = readAddress(options.listen)
  if (!options.tls && !isLoopback(host)) throw notOpenly(options.listen)
  const faults = readFaults(options.faults)
  const { identity, trust } = await identityFor(options, host, ports)
  const oauthKey = await keptKey(ports, stateDirectory)
  const log = newLog({ write: ports.log }, clock, options.isQuiet)
  const metrics = newMetrics(VERSION, clock())
  const server = await serveFactories(
    { host, port, identity, oauthKey, version: VERSION },
    {
      ...{ files, clock, stateDirectory, faults, log, metrics, apiOf, residentBytes },
      gate: gate(files, stateDirectory, oauthKey),
    },
  )
  const factories = await embeddedFactories(files, stateDirectory)
  const tokens = (await readTokens(files, stateDirectory)).length
  onReady({ url: server.url, stateDirectory, factories: [...factories], tokens, trust })
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  log.info({ inFlight: metrics.inFlight() }, 'stopping')
  await server.close()
  log.info({}, 'stopped')
}

async function identityFor(
  { tls, given, names, stateDirectory }: ServeApiOptions,
  host: string,
  ports: ServeApiPorts,
): Promise<{ readonly identity: ServerIdentity | null; readonly trust: ServeApiResult['trust'] }> {
  if (!tls) return { identity: null, trust: null }
  if (given !== null) {
    const [key, certificate] = [await givenText(ports, given.key), await givenText(ports, given.certificate)]
    await requireItsKey(ports, given, key, certificate)
    return { identity: { key, certificate }, trust: null }
  }
  // 0.0.0.0 is where a server listens, and nobody's name.
  const own = host === '0.0.0.0' || host === '::' ? ports.hostName() : host
  const all = [...new Set([own, 'localhost', '127.0.0.1', '::1', ...names])]
  const identity = await ownIdentity(ports, stateDirectory, all)
  for (const warning of identity.warnings) ports.progress.warn(warning)
  return { identity, trust: { path: identity.trustPath, sha256: identity.trustSha256 } }
}

/**
 * An EC key proves that it is that of the certificate, as everywhere; TLS itself notices a damaged one only when the first client
 * connects. A key of another kind is left to TLS.
 */
async function requireItsKey(
  { keys }: ServeApiPorts,
  paths: { readonly certificate: string; readonly key: string },
  key: string,
  certificate: string,
): Promise<void> {
  const [own] = readPemCertificates(certificate, paths.certificate)
  if (own?.publicKey.kind !== 'EC') return
  if (await provesPossession(await keys.open(key, paths.key), own.spki)) return
  const text = `${paths.key} is not the key of ${paths.certificate}.`
  throw new FpkiError('ERR_BAD_KEY', text, 'Look at --tls-cert and --tls-key.')
}

async function givenText({ files }: ServeApiPorts, path: string): Promise<string> {
  const text = await files.read(path, 1024 * 1024)
  if (text !== null) return text
  throw new FpkiError('ERR_USAGE', `There is no ${path}.`, 'Look at --tls-cert and --tls-key.')
}

/** The key of OAuth tokens, made at the first start: tokens that were given out outlive the server. */
async function keptKey({ files, random }: ServeApiPorts, stateDirectory: string): Promise<Uint8Array> {
  const path = join(serverFolder(stateDirectory), 'oauth.key')
  await files.makeDirectory(serverFolder(stateDirectory))
  // Whoever can write there can put a token of his own among ours.
  await files.checkDirectory(serverFolder(stateDirectory))
  if ((await files.read(path, 1024)) === null) {
    const text = `${Buffer.from(random.bytes(32)).toString('hex')}\n`
    await files.create(path, text, 0o600).catch((error: unknown) => {
      // Another server that starts just now was first; both take its key.
      if (!(error instanceof FpkiError) || error.code !== 'ERR_EXISTS') throw error
    })
  }
  const text = (await files.read(path, 1024)) ?? ''
  if (/^[0-9a-f]{64}\n$/.test(text)) return Buffer.from(text.trim(), 'hex')
  throw new FpkiError('ERR_BAD_FILE', `${path} is broken.`, 'Remove it; clients then ask for new OAuth tokens.')
}

function readAddress(text: string): { readonly host: string; readonly port: number } {
  const [, six, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = six ?? plain
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) }
  const hint = 'Give HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443; port 0 is any that is free.'
  throw new FpkiError('ERR_USAGE', `Invalid address to listen on: ${JSON.stringify(text)}.`, hint, { option: 'listen' })
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function notOpenly(listen: string): FpkiError {
  const message = `Without TLS, tokens and certificates would go over the network in the clear from ${listen}.`
  return new FpkiError('ERR_USAGE', message, 'Leave --no-tls out, or listen at 127.0.0.1 behind a proxy that has TLS.')
}
