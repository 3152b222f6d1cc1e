import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { OcspOutcome, OcspResponder } from '../../operations/ocsp/model.js'
import type { Answered, RequestMetrics } from '../metrics.js'

/** What is measured when it is asked for. */
interface MeasuredNow {
  readonly isAvailable: boolean
  readonly responders: readonly OcspResponder[]
}

/** The metrics of the OCSP responder. */
export interface OcspMetrics extends RequestMetrics {
  /** One answer. */
  answered(outcome: OcspOutcome): void
  text(now: MeasuredNow): Promise<string>
}

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5]

/** New metrics, starting from zero. */
export function ocspMetrics(): OcspMetrics {
  const registry = new Registry()
  const registers = [registry]
  const labels = { name: 'fpki_ocsp_requests_total', help: 'Number of OCSP requests.' }
  const requests = new Counter({ ...labels, labelNames: ['method', 'status'], registers })
  const responses = { name: 'fpki_ocsp_responses_total', help: 'Number of OCSP responses, by what they say.' }
  const outcomes = new Counter({ ...responses, labelNames: ['outcome'], registers })
  const duration = { name: 'fpki_ocsp_seconds', help: 'Duration of OCSP requests in seconds.' }
  const seconds = new Histogram({ ...duration, buckets: BUCKETS, registers })
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
  const inFlight = gauge('fpki_ocsp_requests_in_flight', 'Number of OCSP requests in progress.')
  const available = gauge('fpki_ocsp_available', '1 when OCSP requests can be answered now, 0 otherwise.')
  const expiry = {
    name: 'fpki_ocsp_responder_expiry_seconds',
    help: 'End of the certificate of the OCSP responder of a device CA since the Unix epoch in seconds.',
  }
  const expires = new Gauge({ ...expiry, labelNames: ['ca'], registers })
  let open = 0
  // Counted by text, because prom-client takes longer to find the counter of some labels than an answer takes.
  const [answers, results] = [new Map<string, number>(), new Map<string, number>()]
  const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
  return {
    begin: () => {
      open += 1
    },
    end: ({ method, status, seconds: spent }: Answered) => {
      open -= 1
      count(answers, `${method} ${status}`)
      seconds.observe(spent)
    },
    inFlight: () => open,
    answered: (outcome) => void count(results, outcome),
    text: ({ isAvailable, responders }) => {
      inFlight.set(open)
      requests.reset()
      for (const [key, value] of answers) requests.inc(labelsOf(key), value)
      outcomes.reset()
      for (const [outcome, value] of results) outcomes.inc({ outcome }, value)
      available.set(isAvailable ? 1 : 0)
      for (const { ca, notAfter } of responders) expires.set({ ca }, notAfter.getTime() / 1000)
      return registry.metrics()
    },
  }
}

function labelsOf(key: string): { readonly method: string; readonly status: string } {
  const [method = '', status = ''] = key.split(' ')
  return { method, status }
}
