import { Counter, Gauge, Registry } from 'prom-client'
import type { OutboxState } from '../../devices/outbox.js'
import type { Line } from '../../devices/register.js'
import { type IssuingMetrics, issuingMetrics } from '../metrics.js'

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
export interface RegistrationMetrics extends Omit<IssuingMetrics, 'measure'> {
  /** One registration: `issued`, `reused`, `failed`, or the code of its refusal. */
  registered(line: string, outcome: string): void
  text(now: MeasuredNow): Promise<string>
}

/** So many lines have labels of their own; the others share one, so that nobody can fill the memory of Prometheus. */
const MAX_LINES = 100
const OTHER_LINES = 'other'

const HELP = {
  requests: 'Number of requests.',
  wrong: 'Number of wrong credentials.',
  seconds: 'Duration of POST requests in seconds.',
  inFlight: 'Number of requests in progress.',
  available: '1 when a device could be registered now, 0 otherwise.',
}

/** New metrics, starting from zero. */
export function registrationMetrics(version: string, started: Date): RegistrationMetrics {
  const registry = new Registry()
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
  const info = { name: 'fpki_registration_info', help: 'The version of fpki.' }
  new Gauge({ ...info, labelNames: ['version'], registers }).set({ version }, 1)
  const startedAt = gauge('fpki_registration_start_seconds', 'Start of the service since the Unix epoch in seconds.')
  startedAt.set(started.getTime() / 1000)
  const { measure, ...common } = issuingMetrics(registers, 'fpki_registration', HELP)
  const registered = { name: 'fpki_registrations_total', help: 'Number of registrations.' }
  const registrations = new Counter({ ...registered, labelNames: ['line', 'outcome'], registers })
  const register = registerGauges(registers)
  const lines = new Set<string>()
  return {
    ...common,
    registered: (line, outcome) => {
      if (lines.size < MAX_LINES) lines.add(line)
      registrations.inc({ line: lines.has(line) ? line : OTHER_LINES, outcome })
    },
    text: (now) => {
      measure(now)
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
