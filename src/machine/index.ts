import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from '../config/connection.js'
import type { FactoryApi } from '../factory/api.js'
import { embeddedFactories, embeddedFactory } from '../factory/embedded/index.js'
import type { HttpFactory } from '../factory/http.js'
import { newEcPrivateKey } from '../pki/ec-keys.js'
import { durableFiles } from '../storage/files.js'
import { nodeFileSystem } from '../storage/node-file-system.js'

export type { FactoryApi } from '../factory/api.js'
export type { DeviceApi } from '../factory/device-api.js'
export { embeddedApiName } from '../factory/embedded/index.js'
export type { WebhookCall } from '../factory/http/webhook.js'
export type { HttpPorts } from './http.js'

import type { OAuthClient, OAuthTokens } from '../config/oauth-client.js'
import { PASSPHRASE_ROUNDS } from '../containers/pkcs8.js'
import type { WebhookCall } from '../factory/http/webhook.js'
import type { Who } from '../ports.js'
import { pemSigner } from '../signer/file.js'
import type { HttpPorts, Transport } from './http.js'
import type { Machine } from './machine.js'

/**
 * The disk, clock and random numbers of this machine.
 *
 * @param others replacements for some of the ports
 */
export function thisMachine(others: Partial<Machine> = {}): Machine {
  return {
    files: durableFiles(nodeFileSystem(undefined, others.flock)),
    clock: () => new Date(),
    who: thisUser,
    random: {
      bytes: (size) => new Uint8Array(randomBytes(size)),
      ecPrivateKey: newEcPrivateKey,
    },
    passphraseRounds: PASSPHRASE_ROUNDS,
    ...others,
  }
}

/** In a container, the user id may have no name. */
function thisUser(): Who {
  const uid = process.geteuid?.() ?? 0
  try {
    return { name: userInfo().username, uid }
  } catch {
    return { name: null, uid }
  }
}

/** The names of the embedded factories on a machine, sorted. */
export function embeddedFactoriesOn(
  { stateDirectory }: { readonly stateDirectory: string },
  { files }: Pick<Machine, 'files'>,
): Promise<readonly string[]> {
  return embeddedFactories(files, stateDirectory)
}

/** The embedded Factory API on a machine. `signal` aborts waiting for its lock. */
export function embeddedFactoryOn(
  options: { readonly stateDirectory: string; readonly factory: string; readonly tlsNames?: readonly string[] },
  ports: Machine & { readonly signal: AbortSignal },
): FactoryApi {
  const { stateDirectory, factory, tlsNames = [] } = options
  return embeddedFactory({ ...embeddedPortsOn(ports, ports.signal), stateDirectory, factory, tlsNames })
}

/** The ports of the embedded Factory API. `signal` aborts waiting for its lock. */
export function embeddedPortsOn(machine: Machine, signal: AbortSignal) {
  return {
    ...machine,
    keys: { newPem: () => machine.random.ecPrivateKey('P-256').pem, open: pemSigner },
    sleep: async (milliseconds: number) => {
      await delay(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())
    },
  }
}

/** Waits, or until `signal` is aborted. */
export async function waitOrAbort(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => undefined)
}

/** A Foundries-compatible Factory API over HTTP(S), loaded on demand. Throws ERR_USAGE, ERR_BAD_FILE. */
export async function httpFactoryOn(
  { connection, factory }: { readonly connection: Connection; readonly factory: string },
  ports: Machine & HttpPorts,
): Promise<HttpFactory> {
  const { openHttpFactory } = await import('./http.js')
  return openHttpFactory(ports, connection, factory, ports)
}

/** Requests OAuth tokens with the client secret. Throws ERR_API. */
export async function requestOAuthTokens(
  machine: Machine,
  transport: Transport,
  client: OAuthClient,
  signal: AbortSignal,
): Promise<OAuthTokens> {
  const { requestTokens } = await import('./http.js')
  return requestTokens(machine, transport, client, signal)
}

/** Sends a message to a webhook, with retries. Throws ERR_WEBHOOK, ERR_USAGE, ERR_BAD_FILE. */
export async function sendWebhookFrom(
  machine: Machine,
  transport: Transport,
  call: WebhookCall,
  signal: AbortSignal,
): Promise<void> {
  const { sendWebhook } = await import('./http.js')
  return sendWebhook(machine, transport, call, signal)
}
