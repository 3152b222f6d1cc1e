import { Counter, Registry } from 'prom-client'
import type { EstOperation } from '../../operations/renewal/model.js'
import { type IssuingMetrics, issuingMetrics } from '../metrics.js'

/** The metrics of the EST server. */
export interface EstMetrics extends Omit<IssuingMetrics, 'measure'> {
  /** One request for a certificate: `issued`, `reused`, `failed`, or the code of its refusal. */
  ended(operation: EstOperation, outcome: string): void
  /** In the text format of Prometheus. */
  text(now: { readonly isAvailable: boolean }): Promise<string>
}

const HELP = {
  requests: 'Number of EST requests.',
  wrong: 'Number of wrong tokens by EST.',
  seconds: 'Duration of POST requests by EST in seconds.',
  inFlight: 'Number of EST requests in progress.',
  available: '1 when a certificate could be renewed now, 0 otherwise.',
}

/** New metrics, starting from zero. */
export function estMetrics(): EstMetrics {
  const registry = new Registry()
  const registers = [registry]
  const { measure, ...common } = issuingMetrics(registers, 'fpki_est', HELP)
  const certificates = { name: 'fpki_est_certificates_total', help: 'Requests for certificates by EST.' }
  const outcomes = new Counter({ ...certificates, labelNames: ['operation', 'outcome'], registers })
  return {
    ...common,
    ended: (operation, outcome) => outcomes.inc({ operation, outcome }),
    text: (now) => {
      measure(now)
      return registry.metrics()
    },
  }
}
