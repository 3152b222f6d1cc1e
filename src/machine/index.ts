import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from '../config/connection.js'
import type { FactoryApi } from '../factory/api.js'
import { embeddedFactories, embeddedFactory } from '../factory/embedded/index.js'
import { durableFiles } from '../storage/files.js'
import { nodeFileSystem } from '../storage/node-file-system.js'

export type { FactoryApi } from '../factory/api.js'
export { embeddedApiName } from '../factory/embedded/index.js'
export type { HttpPorts } from './http.js'

import type { OAuthClient, OAuthTokens } from '../config/oauth-client.js'
import { PASSPHRASE_ROUNDS } from '../containers/pkcs8.js'
import { NODE_CURVE } from '../pki/public-key.js'
import type { Who } from '../ports.js'
import { newPrivateKeyPem, pemSigner } from '../signer/file.js'
import type { HttpPorts } from './http.js'
import type { Machine } from './machine.js'

/**
 * This machine's disk, clock and random numbers.
 *
 * @param others ports that take the place of the real ones, as in tests
 */
export function thisMachine(others: Partial<Machine> = {}): Machine {
  return {
    files: durableFiles(nodeFileSystem()),
    clock: () => new Date(),
    who: thisUser,
    random: {
      bytes: (size) => new Uint8Array(randomBytes(size)),
      ecKeyPair: (curve) => generateKeyPairSync('ec', { namedCurve: NODE_CURVE[curve] }),
    },
    passphraseRounds: PASSPHRASE_ROUNDS,
    ...others,
  }
}

/** A container may run with a user id that has no name. */
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

/** The embedded Factory API on a machine. `signal` ends the waiting for its lock, with its reason. */
export function embeddedFactoryOn(
  options: { readonly stateDirectory: string; readonly factory: string; readonly tlsNames?: readonly string[] },
  ports: Machine & { readonly signal: AbortSignal },
): FactoryApi {
  const { stateDirectory, factory, tlsNames = [] } = options
  return embeddedFactory({ ...embeddedPortsOn(ports, ports.signal), stateDirectory, factory, tlsNames })
}

/** What the embedded Factory API makes keys and waits with. `signal` ends the waiting, with its reason. */
export function embeddedPortsOn(machine: Machine, signal: AbortSignal) {
  return {
    ...machine,
    keys: { newPem: () => newPrivateKeyPem(machine.random, 'P-256'), open: pemSigner },
    sleep: async (milliseconds: number) => {
      await delay(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())
    },
  }
}

/** A Foundries-compatible Factory API over HTTP(S); its code is loaded here. Throws ERR_USAGE, ERR_BAD_FILE. */
export async function httpFactoryOn(
  { connection, factory }: { readonly connection: Connection; readonly factory: string },
  ports: Machine & HttpPorts,
): Promise<FactoryApi> {
  const { openHttpFactory } = await import('./http.js')
  return openHttpFactory(ports, connection, factory, ports)
}

/** New OAuth tokens, by the client's own secret; `way` says how requests go out. Throws ERR_API. */
export async function oauthTokensOn(
  machine: Machine,
  way: Omit<Connection, 'url' | 'proof' | 'extraHeaders'>,
  client: OAuthClient,
  signal: AbortSignal,
): Promise<OAuthTokens> {
  const { getTokens } = await import('./http.js')
  return getTokens(machine, way, client, signal)
}
