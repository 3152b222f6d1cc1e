import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import type { FactoryApi } from '../factory/api.js'
import { embeddedFactories } from '../factory/embedded/index.js'
import { readTokens, serverFolder, type TokenPorts } from '../factory/embedded/tokens.js'
import { provesPossession } from '../pki/possession.js'
import { readPemCertificates } from '../pki/read-certificate.js'
import type { Progress, Signer } from '../ports.js'
import { VERSION } from '../version.js'
import { authenticator } from './factory-api/authenticator.js'
import { readFaults } from './factory-api/faults.js'
import { serveFactories } from './factory-api/server.js'
import { newLog } from './log.js'
import { newMetrics } from './metrics.js'
import { ownIdentity, type ServerIdentity } from './own-certificate.js'
import type { ServeApiResult } from './served-api.js'

/** Options of `fpki api serve`. */
export interface ServeApiOptions {
  /** Absolute. */
  readonly stateDirectory: string
  /** `HOST:PORT`, or `[ADDRESS]:PORT`. */
  readonly listen: string
  /** false for plain HTTP, on a loopback address only. */
  readonly tls: boolean
  /** Paths of PEM files; null to generate them. */
  readonly tlsFiles: { readonly certificate: string; readonly key: string } | null
  /** Additional names for a generated certificate. */
  readonly names: readonly string[]
  /** `METHOD:NTH:kind`. */
  readonly faults: readonly string[]
  /** Log only warnings and errors. */
  readonly isQuiet: boolean
}

/** The ports of the server. */
export interface ServeApiPorts extends TokenPorts {
  readonly keys: { newPem(): string; open(pem: string, what: string): Promise<Signer> }
  /** The embedded API of an existing factory. */
  apiOf(factory: string): FactoryApi
  readonly progress: Progress
  /** Stops the server. */
  readonly signal: AbortSignal
  /** Writes lines of the log. */
  log(text: string): void
  residentBytes(): number
  /** The name of this machine. */
  hostName(): string
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
  const { files, clock, signal, apiOf, residentBytes } = ports
  const { host, port } = readAddress(options.listen)
  if (!options.tls && !isLoopback(host)) throw plainHttpRefused(options.listen)
  const faults = readFaults(options.faults)
  const { identity, trust } = await identityFor(options, host, ports)
  const oauthKey = await loadOAuthKey(ports, stateDirectory)
  const log = newLog({ write: ports.log }, clock, options.isQuiet)
  const metrics = newMetrics(VERSION, clock())
  const server = await serveFactories(
    { host, port, identity, oauthKey, version: VERSION },
    {
      files,
      clock,
      stateDirectory,
      faults,
      log,
      metrics,
      apiOf,
      residentBytes,
      authenticator: authenticator(files, stateDirectory, oauthKey),
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
  { tls, tlsFiles, names, stateDirectory }: ServeApiOptions,
  host: string,
  ports: ServeApiPorts,
): Promise<{ readonly identity: ServerIdentity | null; readonly trust: ServeApiResult['trust'] }> {
  if (!tls) return { identity: null, trust: null }
  if (tlsFiles !== null) {
    const [key, certificate] = [await readTlsFile(ports, tlsFiles.key), await readTlsFile(ports, tlsFiles.certificate)]
    await requireItsKey(ports, tlsFiles, key, certificate)
    return { identity: { key, certificate }, trust: null }
  }
  // 0.0.0.0 and :: are not names of a host.
  const own = host === '0.0.0.0' || host === '::' ? ports.hostName() : host
  const all = [...new Set([own, 'localhost', '127.0.0.1', '::1', ...names])]
  const identity = await ownIdentity(ports, stateDirectory, all)
  for (const warning of identity.warnings) ports.progress.warn(warning)
  return { identity, trust: { path: identity.trustPath, sha256: identity.trustSha256 } }
}

/**
 * Checks that an EC key belongs to the certificate: TLS would detect a damaged one only when the first client connects. Other
 * keys are left to TLS.
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
  throw new FpkiError('ERR_BAD_KEY', text, 'Check --tls-cert and --tls-key.')
}

async function readTlsFile({ files }: ServeApiPorts, path: string): Promise<string> {
  const text = await files.read(path, 1024 * 1024)
  if (text !== null) return text
  throw new FpkiError('ERR_USAGE', `No such file: ${path}.`, 'Check --tls-cert and --tls-key.')
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

function readAddress(text: string): { readonly host: string; readonly port: number } {
  const [, six, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = six ?? plain
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) }
  const hint = 'Use HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443; port 0 selects a free port.'
  throw new FpkiError('ERR_USAGE', `Invalid address to listen on: ${JSON.stringify(text)}.`, hint, { option: 'listen' })
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function plainHttpRefused(listen: string): FpkiError {
  const message = `Refusing to serve ${listen} without TLS: tokens would be sent over the network in the clear.`
  return new FpkiError('ERR_USAGE', message, 'Omit --no-tls, or listen on 127.0.0.1 behind a proxy with TLS.')
}
