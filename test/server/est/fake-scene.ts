import { onTestFinished } from 'vitest'
import type {
  ClientQuestion,
  EstClient,
  EstOutcome,
  EstStatus,
  Identified,
  RenewalService,
} from '../../../src/operations/renewal/model.js'
import { estMetrics } from '../../../src/server/est/metrics.js'
import { serveEst } from '../../../src/server/est/server.js'
import { newLog } from '../../../src/server/log.js'
import { wrongCredentials } from '../../../src/server/wrong-credentials.js'
import { newServerIdentity, type SelfSigned } from '../registration/tls.js'
import type { EstServer } from './clients.js'

export const UUID = '0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001'

const CLIENT: EstClient = {
  ...{ kind: 'token', line: 'site-a', uuid: UUID },
  credential: { kind: 'token', id: '0123456789abcdef' },
}

/** A service that answers as it is set, and keeps what it was asked. */
interface FakeRenewal extends RenewalService {
  readonly questions: ClientQuestion[]
  readonly requests: Uint8Array[]
  readonly noted: Uint8Array[]
  identified: Identified
  outcome: EstOutcome | Error
}

/** The HTTP layer around a fake service. */
export interface FakeScene {
  readonly service: FakeRenewal
  readonly server: EstServer
  /** The server's own certificate, for a client that has to have one. */
  readonly identity: SelfSigned
  log(): string
  metrics(): Promise<string>
}

/** OpenSSL makes one for all tests. */
let identities: Promise<SelfSigned> | null = null

/** Starts it on any free port; it ends with the test. */
export async function fakeScene(
  status: EstStatus = 'auto',
  certificates: readonly Uint8Array[] = [],
): Promise<FakeScene> {
  identities ??= newServerIdentity()
  const identity = await identities
  const service: FakeRenewal = {
    ...{ questions: [], requests: [], noted: [], identified: { kind: 'client', client: CLIENT } },
    outcome: { kind: 'issued', uuid: UUID, serial: '0a', der: identity.der },
    whyUnavailable: async () => null,
    caCertificates: async (line) => (line === null || line === 'site-a' ? [identity.der, ...certificates] : null),
    identify: async (question) => {
      service.questions.push(question)
      return service.identified
    },
    note: async (certificate) => {
      service.noted.push(certificate.raw)
    },
    certify: async (request) => {
      service.requests.push(request)
      if (service.outcome instanceof Error) throw service.outcome
      return service.outcome
    },
    close: async () => undefined,
  }
  const metrics = estMetrics()
  let log = ''
  const destination = { write: (line: string) => (log += line) }
  const server = await serveEst(
    { host: '127.0.0.1', port: 0, identity: { key: identity.key, certificate: identity.cert }, status },
    {
      ...{ service, metrics, log: newLog(destination as never, () => new Date('2026-11-26T12:00:00Z'), false) },
      wrong: wrongCredentials(() => 0),
    },
  )
  onTestFinished(() => server.close())
  return {
    ...{ service, identity, server: { base: `${server.url}/.well-known/est`, trust: identity.cert } },
    log: () => log,
    metrics: () => metrics.text({ isAvailable: true }),
  }
}
