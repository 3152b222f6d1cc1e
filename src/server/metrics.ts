import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** A completed request. */
export interface Answered {
  readonly method: string
  /** The route pattern, without client input. */
  readonly route: string
  readonly status: number
  readonly seconds: number
}

/** The buckets for the durations of requests in which a certificate is issued. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Counts requests. */
export interface RequestMetrics {
  begin(): void
  end(answered: Answered): void
  /** The number of requests in progress. */
  inFlight(): number
}

/** Counts the requests in progress, and nothing else. */
export function inFlightOnly(): RequestMetrics {
  let open = 0
  return {
    begin: () => {
      open += 1
    },
    end: () => {
      open -= 1
    },
    inFlight: () => open,
  }
}

/** The metrics of a server from which devices get certificates. */
export interface IssuingMetrics extends RequestMetrics {
  /** A wrong credential, and whether it was answered with 429. */
  wrongCredential(isLimited: boolean): void
  /** What is so at the moment. */
  measure(now: { readonly isAvailable: boolean }): void
}

/**
 * New metrics of a server from which devices get certificates, starting from zero.
 *
 * @param prefix of their names
 * @param help their descriptions
 */
export function issuingMetrics(
  registers: Registry[],
  prefix: string,
  help: Readonly<Record<'requests' | 'wrong' | 'seconds' | 'inFlight' | 'available', string>>,
): IssuingMetrics {
  const gauge = (name: string, text: string) => new Gauge({ name: `${prefix}_${name}`, help: text, registers })
  const counter = <Label extends string>(name: string, text: string, ...labelNames: Label[]) =>
    new Counter({ name: `${prefix}_${name}`, help: text, labelNames, registers })
  const requests = counter('requests_total', help.requests, 'method', 'route', 'status')
  const wrong = counter('wrong_credentials_total', help.wrong, 'limited')
  const duration = { name: `${prefix}_seconds`, help: help.seconds, buckets: SECONDS, registers }
  const seconds = new Histogram(duration)
  const inFlight = gauge('requests_in_flight', help.inFlight)
  const available = gauge('available', help.available)
  const open = inFlightOnly()
  return {
    ...open,
    end: (answered) => {
      open.end(answered)
      const { method, route, status } = answered
      requests.inc({ method, route, status })
      if (method === 'POST') seconds.observe(answered.seconds)
    },
    wrongCredential: (isLimited) => wrong.inc({ limited: isLimited ? 'yes' : 'no' }),
    measure: ({ isAvailable }) => {
      inFlight.set(open.inFlight())
      available.set(isAvailable ? 1 : 0)
    },
  }
}

/** The metrics of the process, for servers that share one. */
export function processMetrics(): {
  text(residentBytes: number): Promise<string>
  readonly contentType: string
} {
  const registry = new Registry()
  const memory = residentMemory([registry])
  return {
    text: (residentBytes) => {
      memory.set(residentBytes)
      return registry.metrics()
    },
    contentType: registry.contentType,
  }
}

function residentMemory(registers: Registry[]): Gauge {
  return new Gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory size in bytes.', registers })
}

/** The metrics of the embedded Factory API. */
export interface Metrics extends RequestMetrics {
  /** In the text format of Prometheus. */
  text(now: { readonly residentBytes: number; readonly tokens: number }): Promise<string>
  readonly contentType: string
}

/** New metrics, starting from zero. */
export function newMetrics(version: string, started: Date): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
  const counter = (name: string, help: string) =>
    new Counter({ name, help, labelNames: ['method', 'route', 'status'], registers })
  new Gauge({ name: 'fpki_api_info', help: 'The version of fpki.', labelNames: ['version'], registers }).set(
    { version },
    1,
  )
  gauge('fpki_api_start_seconds', 'Start time of the server since the Unix epoch in seconds.').set(
    started.getTime() / 1000,
  )
  const requests = counter('fpki_api_requests_total', 'Number of requests.')
  const spent = counter('fpki_api_request_seconds_total', 'Total duration of requests in seconds.')
  const inFlight = gauge('fpki_api_requests_in_flight', 'Number of requests in progress.')
  const held = gauge('fpki_api_tokens', 'Number of API tokens.')
  const memory = residentMemory(registers)
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
