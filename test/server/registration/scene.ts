import { connect as plainConnect } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Credential } from '../../../src/devices/credential-store.js'
import type {
  Caller,
  Proof,
  RegistrationFiles,
  RegistrationOutcome,
  RegistrationRequest,
  RegistrationService,
} from '../../../src/operations/registration/model.js'
import { newLog } from '../../../src/server/log.js'
import type { ServerIdentity } from '../../../src/server/own-certificate.js'
import { registrationMetrics } from '../../../src/server/registration/metrics.js'
import { type RegistrationServerOptions, serveRegistration } from '../../../src/server/registration/server.js'
import { wrongCredentials } from '../../../src/server/wrong-credentials.js'
import { type ClientAnswer, type ClientOptions, send } from '../../support/register-client.js'

export const TOKEN = 'fpki_0123456789abcdef_the-secret-of-this-token'
export const UUID = '0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001'
export const FILES: RegistrationFiles = {
  'root.crt': 'the root\n',
  'sota.toml': '[tls]\n',
  'client.pem': 'the certificate\n',
  'client.chained': 'the certificate\n\nthe CA\n',
}
export const ISSUED: RegistrationOutcome = { kind: 'issued', uuid: UUID, serial: '0a', files: FILES }

const CREDENTIAL: Credential = { kind: 'token', id: '0123456789abcdef' }
const CALLER: Caller = { credential: CREDENTIAL, line: 'site-a' }

/** A service that answers as it is set, and keeps what it was asked. */
interface FakeService extends RegistrationService {
  readonly proofs: Proof[]
  readonly requests: RegistrationRequest[]
  unavailable: string | null
  outcome: RegistrationOutcome | Error
  /** A registration waits for it. */
  until: Promise<unknown>
}

function fakeService(): FakeService {
  const service: FakeService = {
    ...{ proofs: [], requests: [], unavailable: null, outcome: ISSUED, until: Promise.resolve() },
    whyUnavailable: async () => service.unavailable,
    authenticate: async (proof) => {
      service.proofs.push(proof)
      return proof.kind === 'token' && proof.token === TOKEN ? CALLER : null
    },
    register: async (request) => {
      service.requests.push(request)
      await service.until
      if (service.outcome instanceof Error) throw service.outcome
      return service.outcome
    },
    state: async () => ({ lines: [], outbox: null }),
    close: async () => undefined,
  }
  return service
}

/** The HTTP layer around a fake service. */
export interface RegistrationScene {
  readonly service: FakeService
  readonly url: string
  readonly port: number
  log(): string
  metrics(): Promise<string>
  close(): Promise<void>
  post(body: string | Buffer, more?: Partial<ClientOptions> & { readonly path?: string }): Promise<ClientAnswer>
  /** What comes back for these octets until the server closes the connection. */
  raw(text: string): Promise<string>
}

/** Starts it on any free port; it ends with the test. */
export async function registrationScene(
  options: Partial<RegistrationServerOptions> & { readonly identity?: ServerIdentity | null } = {},
): Promise<RegistrationScene> {
  const service = fakeService()
  const clock = () => new Date('2026-11-26T12:00:00Z')
  const metrics = registrationMetrics('1', clock())
  let log = ''
  const destination = { write: (line: string) => (log += line) }
  const server = await serveRegistration(
    {
      ...{ host: '127.0.0.1', port: 0, identity: null, clients: null, tokenHeader: 'OSF-TOKEN' },
      ...options,
    },
    {
      ...{ service, metrics, log: newLog(destination as never, clock, false) },
      wrong: wrongCredentials(() => 0),
    },
  )
  onTestFinished(() => server.close())
  const { url } = server
  const port = Number(new URL(url).port)
  return {
    ...{ service, url, port, log: () => log, close: server.close },
    metrics: () => metrics.text({ at: 0, isAvailable: true, register: null }),
    post: (body, { path = '/sign', headers = {}, ...more } = {}) => {
      const all = { 'Content-Type': 'application/json', 'OSF-TOKEN': TOKEN, ...headers }
      return send({ api: url, ...more, headers: all }, { method: 'POST', path, body })
    },
    raw: (text) => rawAnswer(port, text),
  }
}

function rawAnswer(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = plainConnect({ port, host: '127.0.0.1' }, () => socket.write(text))
    socket.setEncoding('utf8').on('data', (more) => {
      answer += more
    })
    socket.on('error', () => undefined).on('close', () => resolve(answer))
  })
}
