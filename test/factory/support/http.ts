import { readFileSync } from 'node:fs'
import type { FactoryApi } from '../../../src/factory/api.js'
import { type Credentials, fixedCredentials } from '../../../src/factory/http/credentials.js'
import type { Send } from '../../../src/factory/http/exchange.js'
import { type SendOptions, undiciSend } from '../../../src/factory/http/undici-send.js'
import { type HttpFactory, httpFactory } from '../../../src/factory/http.js'
import { thisMachine } from '../../../src/machine/index.js'
import type { Random } from '../../../src/ports.js'
import { type FactoryServer, factoryServer, type ServerTls } from '../../support/factory-server.js'
import { FACTORY, NOW } from '../../support/issue.js'
import '../../support/quick-trust.js'
import { newFactory } from './embedded.js'

export const TOKEN = 'a-token-that-nobody-may-see'

/** Waits that took no time: what was asked for is written down. */
export function quickPorts(waits: number[] = []) {
  const random: Random = { ...thisMachine().random, bytes: (size) => new Uint8Array(size) }
  const sleep = async (milliseconds: number) => void waits.push(milliseconds)
  return { clock: () => NOW, random, sleep }
}

export interface HttpScene {
  readonly server: FactoryServer
  /** The embedded API behind the server. */
  readonly behind: FactoryApi
  /** The same API over HTTP. */
  readonly api: HttpFactory
  readonly waits: readonly number[]
  again(others: Others): HttpFactory
}

interface Others extends Partial<SendOptions> {
  readonly url?: string
  readonly credentials?: Credentials
}

/** A factory behind a server that can misbehave, and a client of it that waits for nothing. */
export async function overHttp(tls: ServerTls = 'good'): Promise<HttpScene> {
  const { api: behind } = await newFactory()
  const server = await factoryServer(behind, tls)
  const waits: number[] = []
  const again = (others: Others) => httpClient(server, others, waits)
  return { server, behind, api: again({}), waits, again }
}

/** A client of a server, which waits for nothing and writes down in `waits` how long it would have. */
export function httpClient(
  server: Pick<FactoryServer, 'url' | 'root'>,
  others: Others = {},
  waits: number[] = [],
): HttpFactory {
  const token = fixedCredentials({ name: 'OSF-TOKEN', value: TOKEN })
  const { url = server.url, credentials = token, ...send } = others
  return httpFactory({
    ...{ ...quickPorts(waits), url, factory: FACTORY, credentials, extraHeaders: {}, userAgent: 'fpki/test' },
    send: sendTo(server, send),
  })
}

/** Requests that trust the server's certificate. */
export function sendTo({ root }: Pick<FactoryServer, 'root'>, others: Partial<SendOptions> = {}): Send {
  return undiciSend({
    extraRoots: root === '' ? null : readFileSync(root, 'utf8'),
    ...{ insecure: false, proxy: null, noProxy: '', timeoutMilliseconds: 60_000, maxBytes: 1024 * 1024 },
    signal: new AbortController().signal,
    ...others,
  })
}
