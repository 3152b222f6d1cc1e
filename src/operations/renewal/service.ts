import type { Line } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { Clock, Progress } from '../../ports.js'
import { apart } from '../registration/apart.js'
import type { Availability } from '../registration/availability.js'
import type { Credentials } from '../registration/credentials.js'
import { type Batches, type BatchLimits, inBatches } from '../registration/in-batches.js'
import type { Issuers } from '../registration/issuers.js'
import type { IssuingRegister } from '../registration/issuing-thread/calls.js'
import type { RegistrationTerms } from '../registration/register-devices.js'
import { remembered } from '../registration/remembered.js'
import { commitsOf, LINES, LOOK_UPS } from '../registration/service-limits.js'
import type { DeviceCas } from './device-cas.js'
import { type EnrollmentOrder, enrollDevices } from './enroll-devices.js'
import { type IdentifyPorts, identify } from './identify.js'
import type { ClientQuestion, EstClient, EstOutcome, Identified, RenewalService } from './model.js'
import type { RenewalTerms } from './options.js'
import { type RenewalOrder, renewDevices } from './renew-devices.js'
import { seenReporter } from './seen.js'
import { isWanted } from './wanted-lines.js'

/** What the service was opened with. */
export interface RenewalServiceOptions {
  readonly terms: RenewalTerms
  /** For devices that enroll. */
  readonly registration: RegistrationTerms
  readonly root: Certificate
}

/** What the service uses. */
export interface RenewalServicePorts {
  readonly clock: Clock
  readonly progress: Progress
  readonly register: IssuingRegister
  readonly issuers: Issuers
  readonly cas: DeviceCas
  readonly credentials: Credentials
  readonly availability: Availability
}

/** The renewal service, with everything open. */
export function renewalService(options: RenewalServiceOptions, ports: RenewalServicePorts): RenewalService {
  const { terms, registration, root } = options
  const { register, availability } = ports
  const { factory } = registration
  const seen = seenReporter(register, ports)
  const lineNamed = remembered((name: string) => register.lines.get(name), LINES, ports.clock)
  const own = { ...ports, lineNamed }
  const limits = commitsOf(register)
  const lines = remembered(() => register.lines.list(), LINES, ports.clock)
  const allLines = () => lines('')
  const together = <Order>(work: (line: string, orders: readonly Order[]) => Promise<readonly EstOutcome[]>) =>
    batchesByLine<Order, EstOutcome>((line, orders) => availability.watch(() => work(line, orders)), limits)
  const renewals = together<RenewalOrder>((line, orders) => renewDevices(line, orders, terms, own))
  const enrollments = together<EnrollmentOrder>((line, orders) => enrollDevices(line, orders, registration, own))
  const presented = inBatches(register.presented, LOOK_UPS)
  const identifying = { ...ports, allLines, factory, presented: presented.add }
  let closing: Promise<void> | null = null

  const close = async () => {
    await Promise.all([renewals.close(), enrollments.close(), presented.close()])
    await seen.close()
  }
  return {
    whyUnavailable: async () => (closing === null ? availability.whyUnavailable() : 'the renewal service is stopping'),
    caCertificates: (line) => availability.watch(() => caCertificates(line, terms, root, { ...ports, allLines })),
    identify: (question) => availability.watch(() => identifyIn(question, terms, identifying)),
    note: async (certificate) => {
      const question = { operation: 'renew', line: null, certificate, token: null } as const
      const identified = await availability.watch(() => identify(question, terms, identifying))
      if (identified.kind === 'client') report(identified.client, seen.report)
    },
    certify: async (request, client) => {
      if (closing !== null) throw stopping()
      if (client.kind !== 'device') return enrollments.add(client.line, { request, client })
      const outcome = await renewals.add(client.line, { request, device: client.device })
      // With a renewal, the register has recorded it already.
      if (outcome.kind !== 'issued') report(client, seen.report)
      return outcome
    },
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

/** The lines of the register, as they were a second ago at most. */
interface LinesPort {
  allLines(): Promise<readonly Line[]>
}

async function identifyIn(
  question: ClientQuestion,
  terms: RenewalTerms,
  ports: IdentifyPorts & LinesPort,
): Promise<Identified> {
  if (question.line !== null && (await servedLines(question.line, terms, ports)).length === 0)
    return { kind: 'no-line' }
  return identify(question, terms, ports)
}

function report(client: EstClient, seen: ReturnType<typeof seenReporter>['report']): void {
  if (client.kind === 'device' && client.device.presented !== null) seen(client.device.presented.certificate)
}

async function caCertificates(
  label: string | null,
  terms: RenewalTerms,
  root: Certificate,
  ports: Pick<RenewalServicePorts, 'issuers'> & LinesPort,
): Promise<readonly Uint8Array[] | null> {
  const lines = await servedLines(label, terms, ports)
  if (label !== null && lines.length === 0) return null
  const cas = lines.flatMap((line) => ports.issuers.find(line)?.issuer ?? [])
  const unique = new Map(cas.map(({ fingerprint, ca }) => [fingerprint, ca.der]))
  return [root.der, ...unique.values()]
}

/** The line in the URL, or all lines, as far as the service serves them. A closed line still renews. */
async function servedLines(
  label: string | null,
  { line: only }: RenewalTerms,
  { allLines }: LinesPort,
): Promise<readonly Line[]> {
  return (await allLines()).filter(({ name }) => isWanted(name, [label, only]))
}

interface LineBatches<Order, Outcome> {
  add(line: string, order: Order): Promise<Outcome>
  close(): Promise<void>
}

/** Batches for each line, whose CA signs. What one order is to blame for fails alone. */
function batchesByLine<Order, Outcome>(
  work: (line: string, orders: readonly Order[]) => Promise<readonly Outcome[]>,
  limits: BatchLimits,
): LineBatches<Order, Outcome> {
  const lines = new Map<string, Batches<Order, { readonly result: Outcome } | { readonly error: FpkiError }>>()
  const batchesOf = (line: string) => {
    const batches =
      lines.get(line) ?? inBatches((orders) => apart(orders, (some: readonly Order[]) => work(line, some)), limits)
    lines.set(line, batches)
    return batches
  }
  return {
    add: async (line, order) => {
      const ended = await batchesOf(line).add(order)
      if ('error' in ended) throw ended.error
      return ended.result
    },
    close: async () => {
      await Promise.all([...lines.values()].map((batches) => batches.close()))
    },
  }
}

function stopping(): FpkiError {
  return new FpkiError('ERR_LOCKED', 'The renewal service is stopping.', 'Renew the certificate later.')
}
