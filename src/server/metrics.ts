import { Counter, Gauge, Registry } from 'prom-client'

/** A request that was answered. */
interface Answered {
  readonly method: string
  /** The pattern of its path; nothing of what a client wrote. */
  readonly route: string
  readonly status: number
  readonly seconds: number
}

/** What the server counts. */
export interface Metrics {
  begin(): void
  end(answered: Answered): void
  /** How many requests are not answered yet. */
  inFlight(): number
  /** In the text format of Prometheus, as {@link contentType} says. */
  text(now: { readonly residentBytes: number; readonly tokens: number }): Promise<string>
  readonly contentType: string
}

/** Counts from zero. `started` is now. */
export function newMetrics(version: string, started: Date): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
  const counter = (name: string, help: string) =>
    new Counter({ name, help, labelNames: ['method', 'route', 'status'], registers })
  new Gauge({ name: 'fpki_api_info', help: 'Which fpki serves.', labelNames: ['version'], registers }).set(
    { version },
    1,
  )
  gauge('fpki_api_start_seconds', 'When it was started, in seconds since 1970.').set(started.getTime() / 1000)
  const requests = counter('fpki_api_requests_total', 'Requests that were answered.')
  const spent = counter('fpki_api_request_seconds_total', 'How long they took, all together.')
  const inFlight = gauge('fpki_api_requests_in_flight', 'Requests that are not answered yet.')
  const held = gauge('fpki_api_tokens', 'Tokens that were not revoked.')
  const memory = gauge('process_resident_memory_bytes', 'Memory of this process.')
  let open = 0
  return {
    begin: () => {
      open += 1
    },
    end: ({ method, route, status, seconds }) => {
      open -= 1
      requests.inc({ method, route, status })
      spent.inc({ method, route, status }, seconds)
    },
    inFlight: () => open,
    text: ({ residentBytes, tokens }) => {
      inFlight.set(open)
      held.set(tokens)
      memory.set(residentBytes)
      return registry.metrics()
    },
    contentType: registry.contentType,
  }
}
