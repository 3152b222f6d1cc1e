import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type RequestOptions, request as secureRequest } from 'node:https'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { type Ended, FPKI, type Home, newHome, type Start } from './cli.js'

/** What a server answers. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** `fpki api serve` in a process of its own. */
export interface Served {
  readonly home: Home
  readonly url: string
  readonly port: number
  /** The file that clients are to trust. */
  readonly trust: string
  readonly pid: number
  /** All that it has written to stdout: the log. */
  log(): string
  /** All that it has written to stderr. */
  said(): string
  /** Makes a token, and resolves to it. */
  token(...words: readonly string[]): Promise<string>
  /** One request; `token` goes into OSF-TOKEN. */
  ask(method: string, path: string, more?: Ask): Promise<Answer>
  /** Runs fpki in another HOME against the server. */
  client(token: string): Client
  /** Tells it to stop, and resolves when it has. */
  stop(signal?: NodeJS.Signals): Promise<{ readonly status: number | null; readonly signal: string | null }>
}

interface Ask {
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

interface Client {
  readonly home: Home
  readonly env: Readonly<Record<string, string>>
  run(words: readonly string[], start?: Start): Promise<Ended>
}

export const CERTS = '/ota/factories/acme/certs/'
export const SELF = '/ota/factories/acme/users/self/'

/** Starts it at any free port; it ends with the test. */
export async function serve(
  words: readonly string[] = [],
  home?: Home,
  more: Readonly<Record<string, string>> = {},
): Promise<Served> {
  const where = home ?? (await newHome())
  const child = spawn(process.execPath, [FPKI, 'api', 'serve', '--listen', '127.0.0.1:0', ...words], {
    env: { PATH: process.env['PATH'] ?? '', HOME: where.path, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<{ status: number | null; signal: string | null }>((resolve) =>
    child.on('close', (status, signal) => resolve({ status, signal })),
  )
  let log = ''
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const url = await readyUrl(child, () => said)
  const port = Number(new URL(url).port)
  const trust = join(where.state, 'api', 'ca.pem')
  return {
    ...{ home: where, url, port, trust, pid: child.pid ?? 0 },
    log: () => log,
    said: () => said,
    token: async (...flags) => {
      const { status, stdout, stderr } = await where.fpki(['api', 'token', 'create', ...flags])
      expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
      return stdout.trim()
    },
    ask: (method, path, more = {}) => ask({ port, method, path, ca: readFileSync(trust) }, more),
    client: (token) => clientOf(where, { FPKI_API: url, FPKI_TOKEN: token, CACERT: trust, FPKI_FACTORY: 'acme' }),
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return ended
    },
  }
}

function clientOf(server: Home, env: Readonly<Record<string, string>>): Client {
  const path = join(server.path, 'client')
  const home = { ...server, path, state: join(path, '.local', 'share', 'fpki') }
  return {
    home,
    env,
    run: (words, start = {}) => server.fpki(words, { ...start, env: { ...env, ...start.env, HOME: path } }),
  }
}

async function readyUrl(child: ChildProcess, log: () => string): Promise<string> {
  while (child.exitCode === null) {
    const [, url] = /^Serving the embedded Factory API at (https?:\/\/\S+)$/m.exec(log()) ?? []
    if (url !== undefined) return url
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`it does not serve: ${log()}`)
}

function ask(options: RequestOptions, { token, headers = {}, body }: Ask): Promise<Answer> {
  const proof = token === undefined ? {} : { 'OSF-TOKEN': token }
  const typed = body === undefined ? {} : { 'Content-Type': 'application/json' }
  return new Promise((resolve, reject) => {
    const request = secureRequest(
      { ...options, host: '127.0.0.1', agent: false, headers: { ...proof, ...typed, ...headers } },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (more: string) => {
          text += more
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}
