import { readFile, writeFile } from 'node:fs/promises'
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { answerRequest, type WireAnswer } from '../../src/factory/answer.js'
import type { FactoryApi } from '../../src/factory/api.js'
import { output, temporaryDirectory } from './cli.js'

/** What a server does in the place of a decent answer; `cut-…` and `slow` say when in relation to the work. */
export type Fault =
  | { readonly kind: 'cut-before' | 'cut-during' | 'cut-after' | 'slow' }
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body: string
      readonly headers?: Readonly<Record<string, string>>
      /** Do the work all the same. */
      readonly works?: true
    }

/** The fault of the next `times` requests of a method to a path that holds `part`. */
export interface FaultRule {
  readonly method: string
  readonly part?: string
  readonly times: number
  readonly fault: Fault
}

/** A request that reached the server. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A Factory API on 127.0.0.1 that misbehaves as it is told. */
export interface FactoryServer {
  readonly url: string
  readonly port: number
  /** PEM file with the server's own certificate. */
  readonly root: string
  readonly seen: Seen[]
  /** In the order in which they are to happen. */
  readonly faults: FaultRule[]
  /** Answers that are not the Factory API's: path to what is answered. */
  readonly others: Map<string, (seen: Seen) => WireAnswer>
  /** Requests that get no further than this are answered 401. */
  accepts: (seen: Seen) => boolean
}

/** How the server proves to be one; `none`: plain HTTP. */
export type ServerTls = 'good' | 'expired' | 'other-host' | 'none'

/** Starts it; it ends with the test. */
export async function factoryServer(api: FactoryApi | null, tls: ServerTls = 'good'): Promise<FactoryServer> {
  const state: Pick<FactoryServer, 'seen' | 'faults' | 'others' | 'accepts'> = {
    ...{ seen: [], faults: [], others: new Map(), accepts: () => true },
  }
  const identity = tls === 'none' ? null : await newIdentity(tls)
  const onRequest = (request: IncomingMessage, response: ServerResponse) =>
    void handle(state, api, request, response).catch((error) => response.destroy(error))
  const server = identity === null ? createPlain(onRequest) : createSecure(identity, onRequest)
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const url = `${identity === null ? 'http' : 'https'}://127.0.0.1:${port}`
  return Object.assign(state, { url, port, root: identity?.path ?? '' })
}

/** A key and a certificate for 127.0.0.1 that vouches for itself. */
async function newIdentity(tls: ServerTls): Promise<{ key: string; cert: string; path: string }> {
  const folder = await temporaryDirectory()
  const [key, csr, cert] = ['key.pem', 'csr.pem', 'cert.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const extensions = join(folder, 'extensions')
  const names = tls === 'other-host' ? 'DNS:elsewhere.example' : 'IP:127.0.0.1,DNS:localhost,DNS:api.example.test'
  await writeFile(extensions, `subjectAltName=${names}\nbasicConstraints=critical,CA:TRUE\n`)
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await output('openssl', ['req', ...ec, '-keyout', key, '-out', csr, '-subj', '/CN=server'])
  const days = tls === 'expired' ? '-1' : '2'
  const sign = ['x509', '-req', '-in', csr, '-signkey', key, '-days', days, '-extfile', extensions, '-out', cert]
  await output('openssl', sign)
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8'), path: cert }
}

async function handle(
  state: Pick<FactoryServer, 'seen' | 'faults' | 'others' | 'accepts'>,
  api: FactoryApi | null,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const seen = await seenOf(request)
  state.seen.push(seen)
  const fault = takeFault(state.faults, seen)
  if (fault?.kind === 'cut-before') return void response.destroy()
  if (fault?.kind === 'answer' && !fault.works) return write(response, fault)
  const other = state.others.get(seen.path)
  const answer = other?.(seen) ?? (state.accepts(seen) ? await work(api, seen) : { status: 401, body: { msg: 'who?' } })
  const headers = answer.etag === undefined || answer.etag === null ? {} : { ETag: answer.etag }
  if (fault === null) return write(response, { status: answer.status, body: JSON.stringify(answer.body), headers })
  if (fault.kind === 'answer') return write(response, fault)
  if (fault.kind === 'cut-after') return void response.destroy()
  response.writeHead(answer.status, { 'Content-Type': 'application/json', 'Content-Length': '1000' })
  response.write('{"msg": "')
  if (fault.kind === 'cut-during') setTimeout(() => response.destroy(), 20)
}

async function seenOf(request: IncomingMessage): Promise<Seen> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  const { method = '', url = '', headers } = request
  return { method, path: url, headers, body: Buffer.concat(parts).toString('utf8') }
}

function takeFault(faults: FaultRule[], { method, path }: Seen): Fault | null {
  const at = faults.findIndex((rule) => rule.method === method && path.includes(rule.part ?? ''))
  const rule = faults[at]
  if (rule === undefined) return null
  if (rule.times > 1) faults[at] = { ...rule, times: rule.times - 1 }
  else faults.splice(at, 1)
  return rule.fault
}

function work(api: FactoryApi | null, { method, path, body, headers }: Seen): Promise<WireAnswer> {
  const parsed = body === '' || !body.startsWith('{') ? undefined : JSON.parse(body)
  return answerRequest({ method, path, body: parsed, ifMatch: headers['if-match'] }, () => api)
}

function write(
  response: ServerResponse,
  answer: { readonly status: number; readonly body: string; readonly headers?: Readonly<Record<string, string>> },
): void {
  response.on('error', () => undefined)
  response.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers })
  response.end(answer.body)
}
