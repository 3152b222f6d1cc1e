import type { ChildProcess } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { type AddressInfo, connect, createServer as createSocketServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'
import { runProgram, temporaryDirectory } from '../../support/cli.js'
import { GATEWAY, type KeyAndCertificate } from './pki.js'

/** nginx as an ordinary process, with the configuration that was exported. */
export interface Nginx {
  readonly port: number
  /** The flags that name it, for nginx -s and nginx -t. */
  readonly flags: readonly string[]
  /** Makes it read its files again, by a signal unless said otherwise; resolves when the new ones are served. */
  reload(how?: () => Promise<void>): Promise<void>
}

/** A server behind the gateway. */
export interface Upstream {
  readonly url: string
  /** The headers of every request that came through, in their order. */
  readonly seen: IncomingHttpHeaders[]
}

/** Starts it on a free port; it ends with the test. */
export async function startUpstream(): Promise<Upstream> {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer((message, response) => {
    seen.push(message.headers)
    response.end('hello device')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createSocketServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts nginx with the `server` of a file; it ends with the test. */
export async function startNginx(configuration: string, port: number): Promise<Nginx> {
  const folder = await temporaryDirectory()
  const log = join(folder, 'error.log')
  await writeFile(log, '')
  const own = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${folder}/${of};`)
  const main = join(folder, 'main.conf')
  await writeFile(
    main,
    `daemon off;\nworker_processes 1;\npid ${folder}/pid;\nerror_log ${log} notice;\nevents {}
http {\naccess_log off;\n${own.join('\n')}\ninclude "${configuration}";\n}\n`,
  )
  let child: ChildProcess | undefined
  // nginx is not on the PATH of ordinary users.
  const env = { PATH: `${process.env['PATH']}:/usr/sbin` }
  const flags = ['-p', folder, '-e', log, '-c', main]
  const ended = runProgram('nginx', flags, { env, onStart: (one) => (child = one) })
  onTestFinished(async () => {
    child?.kill('SIGTERM')
    await ended
  })
  const logged = () => readFile(log, 'utf8')
  await until(async () => isListening(port), logged)
  return {
    port,
    flags,
    reload: async (how = async () => void child?.kill('SIGHUP')) => {
      const before = (await logged()).length
      await how()
      // The earlier worker has stopped listening when it says so.
      await until(async () => /worker process \d+ exited/.test((await logged()).slice(before)), logged)
    },
  }
}

async function until(isSo: () => Promise<boolean>, log: () => Promise<string>): Promise<void> {
  for (let tries = 0; tries < 12_000; tries++) {
    if (await isSo()) return
    await delay(20)
  }
  throw new Error(`nginx is not ready: ${await log()}`)
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

/** What a device got from the gateway. */
export interface Answer {
  /** null: the connection was refused in the handshake. */
  readonly status: number | null
  readonly body: string
  /** The serial number of the gateway's certificate, upper-case hex. */
  readonly serverSerial: string
  readonly isResumed: boolean
  readonly session: Buffer | undefined
}

export const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const

/** A device: what it proves to be one with, and how it speaks. */
export interface Device {
  readonly identity: KeyAndCertificate | null
  /** Files of certificates that it sends along. */
  readonly along?: readonly string[]
  readonly version?: (typeof TLS_VERSIONS)[number]
  readonly headers?: Readonly<Record<string, string>>
  readonly session?: Buffer | undefined
  /** It knows the gateway by its address, and not by a name. */
  readonly byAddress?: true
}

/** Asks the gateway for `/` over a connection of its own; the device trusts `root` only. */
export async function ask({ port }: Nginx, root: string, device: Device): Promise<Answer> {
  const { identity, along = [], version = 'TLSv1.3', headers = {}, session, byAddress = false } = device
  const chain = [...(identity === null ? [] : [identity.certificate]), ...along]
  const own =
    identity === null
      ? {}
      : {
          key: await readFile(identity.key),
          cert: (await Promise.all(chain.map((file) => readFile(file, 'utf8')))).join(''),
        }
  const name = byAddress ? {} : { servername: GATEWAY }
  const trust = { ca: await readFile(root), ...name, minVersion: version, maxVersion: version }
  const resumed = session === undefined ? {} : { session }
  return new Promise((resolve) => {
    const refused: Answer = { status: null, body: '', serverSerial: '', isResumed: false, session: undefined }
    const options = { host: '127.0.0.1', port, agent: false as const, ...trust, ...own, ...resumed }
    request({ ...options, headers: { ...(byAddress ? {} : { Host: GATEWAY }), ...headers } }, (response) => {
      const socket = response.socket as TLSSocket
      const facts = {
        serverSerial: socket.getPeerCertificate().serialNumber,
        isResumed: socket.isSessionReused(),
        session: socket.getSession(),
      }
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.on('end', () => resolve({ status: response.statusCode ?? null, body, ...facts }))
    })
      .on('error', () => resolve(refused))
      .end()
  })
}
