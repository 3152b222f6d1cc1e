import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { type ClientRequest, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { join } from 'node:path'

/** Where and how a client registers: what is in its environment and its flags. */
export interface ClientOptions {
  /** `DEVICE_API`, used verbatim. */
  readonly api: string
  /** PEM that the image trusts; null: plain HTTP. */
  readonly trust?: string | null
  readonly token?: string | null
  /** `--token-header`, or whatever else is sent. */
  readonly headers?: Readonly<Record<string, string>>
  /** A client certificate: a station's. */
  readonly identity?: { readonly key: string; readonly cert: string }
}

/** What came back. */
export interface ClientAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** What a client says of a device. */
export interface DeviceSays {
  readonly uuid: string
  /** PEM. */
  readonly csr: string
  readonly name?: string
  readonly group?: string
  readonly hardwareId?: string
  readonly overrides?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** One request on a connection of its own, which no redirect is followed from. */
export function send(
  { api, trust = null, headers = {}, identity }: ClientOptions,
  { method, path, body }: { readonly method: string; readonly path?: string; readonly body?: string | Buffer },
): Promise<ClientAnswer> {
  const url = new URL(path ?? '', api)
  return new Promise((resolve, reject) => {
    const common = { method, headers: { ...headers }, agent: false as const }
    const tls = { ...(trust === null ? {} : { ca: trust }), ...identity }
    const request: ClientRequest =
      url.protocol === 'https:' ? secureRequest(url, { ...common, ...tls }) : plainRequest(url, common)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      response.on('error', reject)
    })
    request.on('error', reject)
    if (body !== undefined) request.setHeader('Content-Length', Buffer.byteLength(body))
    request.end(body)
  })
}

/** As JSON for Modern C++ with boost's property tree writes it: every value a string, and `/` as `\/`. */
function propertyTree(members: object): string {
  return `${JSON.stringify(members, null, 4).replaceAll('/', '\\/')}\n`
}

/** lmp-device-register: a HEAD without credentials before it makes a key, a POST, and a file for each member of a 201. */
export async function lmpDeviceRegister(
  options: ClientOptions,
  { uuid, csr, name = uuid, group, hardwareId = 'intel-corei7-64', overrides = COMPOSE_APPS }: DeviceSays,
  folder: string,
): Promise<ClientAnswer> {
  const body = propertyTree({
    'use-ostree-server': 'true',
    'sota-config-dir': '/var/sota',
    'hardware-id': hardwareId,
    ...{ name, uuid, csr, overrides },
    ...(group === undefined ? {} : { group }),
  })
  const token: Readonly<Record<string, string>> = options.token == null ? {} : { 'OSF-TOKEN': options.token }
  return pingAndRegister(options, { ping: 'HEAD', stopsFrom: 500, headers: token, body }, folder)
}

/** fioup: the same with GET, other bounds and Go's JSON. */
export async function fioup(
  options: ClientOptions,
  { uuid, csr, name = uuid, group, hardwareId = 'intel-corei7-64', overrides = COMPOSE_APPS }: DeviceSays,
  folder: string,
): Promise<ClientAnswer> {
  const members = { csr, 'hardware-id': hardwareId, name, overrides, 'sota-config-dir': '/var/sota' }
  const body = JSON.stringify({
    ...members,
    ...(group === undefined ? {} : { group }),
    'use-ostree-server': true,
    uuid,
  })
  const bearer = `Bearer ${Buffer.from(options.token ?? '').toString('base64')}`
  const headers: Readonly<Record<string, string>> = options.token == null ? {} : { Authorization: bearer }
  return pingAndRegister(options, { ping: 'GET', stopsFrom: 501, headers, body }, folder)
}

/** The POST of a recorded conversation (vectors), with another token. */
export function replay(options: ClientOptions, { path, body }: { readonly path: string; readonly body: string }) {
  const headers = { Accept: '*/*', 'Content-type': 'application/json', ...options.headers }
  const token: Readonly<Record<string, string>> = options.token == null ? {} : { 'OSF-TOKEN': options.token }
  return send({ ...options, headers: { ...headers, ...token } }, { method: 'POST', path, body })
}

interface Registration {
  readonly ping: 'HEAD' | 'GET'
  /** The status of the ping from which it stops. */
  readonly stopsFrom: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

async function pingAndRegister(
  options: ClientOptions,
  { ping, stopsFrom, headers, body }: Registration,
  folder: string,
): Promise<ClientAnswer> {
  const pinged = await send({ ...options, headers: { Accept: '*/*' } }, { method: ping })
  if (pinged.status >= stopsFrom) return pinged
  const all = { Accept: '*/*', 'Content-type': 'application/json', ...headers, ...options.headers }
  const answer = await send({ ...options, headers: all }, { method: 'POST', body })
  if (answer.status !== 201) return answer
  await mkdir(folder, { recursive: true })
  const members: Readonly<Record<string, unknown>> = JSON.parse(answer.text)
  for (const [member, text] of Object.entries(members)) await writeFile(join(folder, member), String(text))
  return answer
}

const COMPOSE_APPS = {
  pacman: { type: '"ostree+compose_apps"', compose_apps_root: '"/var/sota/compose-apps"', tags: '"main"' },
}

/** A file of a device. */
export function deviceFile(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8')
}
