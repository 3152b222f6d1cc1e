import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { EstOperation } from '../../operations/renewal/model.js'
import { type Answered, type RequestMetrics, SECONDS } from '../metrics.js'

/** The metrics of the EST server. */
export interface EstMetrics extends RequestMetrics {
  /** One request for a certificate: `issued`, `reused`, `failed`, or the code of its refusal. */
  ended(operation: EstOperation, outcome: string): void
  /** A wrong token, and whether it was answered with 429. */
  wrongCredential(isLimited: boolean): void
  /** In the text format of Prometheus. */
  text(now: { readonly isAvailable: boolean }): Promise<string>
}

/** New metrics, starting from zero. */
export function estMetrics(): EstMetrics {
  const registry = new Registry()
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
  const requests = counter('fpki_est_requests_total', 'Number of EST requests.', 'method', 'route', 'status')
  const outcomes = counter('fpki_est_certificates_total', 'Requests for certificates by EST.', 'operation', 'outcome')
  const wrong = counter('fpki_est_wrong_credentials_total', 'Number of wrong tokens by EST.', 'limited')
  const seconds = new Histogram({
    ...{ name: 'fpki_est_seconds', help: 'Duration of POST requests by EST in seconds.' },
    ...{ buckets: SECONDS, registers },
  })
  const inFlight = gauge('fpki_est_requests_in_flight', 'Number of EST requests in progress.')
  const available = gauge('fpki_est_available', '1 when a certificate could be renewed now, 0 otherwise.')
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
    ended: (operation, outcome) => outcomes.inc({ operation, outcome }),
    wrongCredential: (isLimited) => wrong.inc({ limited: isLimited ? 'yes' : 'no' }),
    text: ({ isAvailable }) => {
      inFlight.set(open)
      available.set(isAvailable ? 1 : 0)
      return registry.metrics()
    },
  }
}
