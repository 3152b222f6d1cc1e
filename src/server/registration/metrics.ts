import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { OutboxState } from '../../devices/outbox.js'
import type { Line } from '../../devices/register.js'
import { type Answered, type RequestMetrics, SECONDS } from '../metrics.js'

/** What the register says of itself at the moment. */
interface RegisterNow {
  /** null: the Factory API is not informed. */
  readonly outbox: Pick<OutboxState, 'waiting' | 'oldest' | 'conflicts'> | null
  readonly lines: readonly Pick<Line, 'name' | 'quota' | 'issued'>[]
}

/** What is measured when it is asked for. */
interface MeasuredNow {
  readonly at: number
  readonly isAvailable: boolean
  /** null: it cannot be read now. */
  readonly register: RegisterNow | null
}

/** The metrics of the registration service. */
export interface RegistrationMetrics extends RequestMetrics {
  /** One registration: `issued`, `reused`, `failed`, or the code of its refusal. */
  registered(line: string, outcome: string): void
  /** A wrong credential, and whether it was answered with 429. */
  wrongCredential(isLimited: boolean): void
  text(now: MeasuredNow): Promise<string>
}

/** So many lines have labels of their own; the others share one, so that nobody can fill the memory of Prometheus. */
const MAX_LINES = 100
const OTHER_LINES = 'other'

/** New metrics, starting from zero. */
export function registrationMetrics(version: string, started: Date): RegistrationMetrics {
  const registry = new Registry()
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers })
  const info = { name: 'fpki_registration_info', help: 'The version of fpki.' }
  new Gauge({ ...info, labelNames: ['version'], registers }).set({ version }, 1)
  const startedAt = gauge('fpki_registration_start_seconds', 'Start of the service since the Unix epoch in seconds.')
  startedAt.set(started.getTime() / 1000)
  const requests = counter('fpki_registration_requests_total', 'Number of requests.', 'method', 'route', 'status')
  const registrations = counter('fpki_registrations_total', 'Number of registrations.', 'line', 'outcome')
  const wrong = counter('fpki_registration_wrong_credentials_total', 'Number of wrong credentials.', 'limited')
  const seconds = new Histogram({
    ...{ name: 'fpki_registration_seconds', help: 'Duration of POST requests in seconds.' },
    ...{ buckets: SECONDS, registers },
  })
  const inFlight = gauge('fpki_registration_requests_in_flight', 'Number of requests in progress.')
  const available = gauge('fpki_registration_available', '1 when a device could be registered now, 0 otherwise.')
  const register = registerGauges(registers)
  const lines = new Set<string>()
  let open = 0
  return {
    begin: () => {
      open += 1
    },
    end: ({ method, route, status, seconds: spent }: Answered) => {
      open -= 1
      requests.inc({ method, route, status })
      if (method === 'POST') seconds.observe(spent)
    },
    inFlight: () => open,
    registered: (line, outcome) => {
      if (lines.size < MAX_LINES) lines.add(line)
      registrations.inc({ line: lines.has(line) ? line : OTHER_LINES, outcome })
    },
    wrongCredential: (isLimited) => wrong.inc({ limited: isLimited ? 'yes' : 'no' }),
    text: (now) => {
      inFlight.set(open)
      available.set(now.isAvailable ? 1 : 0)
      register(now)
      return registry.metrics()
    },
  }
}

/** What is in the register; no samples while that cannot be read, rather than old ones. */
function registerGauges(registers: Registry[]): (now: MeasuredNow) => void {
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers })
  const waiting = gauge('fpki_outbox_waiting', 'Number of devices that the Factory API is still to be informed of.')
  const conflicts = gauge('fpki_outbox_conflicts', 'Number of devices that the Factory API has with another key.')
  const oldest = gauge('fpki_outbox_oldest_seconds', 'How long the oldest of these devices has waited, in seconds.')
  const left = gauge('fpki_line_quota_left', 'How many devices a line with a quota may still register.', 'line')
  return ({ at, register }) => {
    for (const one of [waiting, conflicts, oldest]) one.remove()
    left.reset()
    if (register === null) return
    const { outbox, lines } = register
    if (outbox !== null) {
      waiting.set(outbox.waiting)
      conflicts.set(outbox.conflicts)
      oldest.set(outbox.oldest === null ? 0 : Math.max(0, at - outbox.oldest) / 1000)
    }
    const limited = lines.flatMap(({ name, quota, issued }) => (quota === null ? [] : [{ name, left: quota - issued }]))
    for (const line of limited.slice(0, MAX_LINES)) left.set({ line: line.name }, Math.max(0, line.left))
  }
}
