import type { OcspService } from '../../operations/ocsp/model.js'
import type { Clock } from '../../ports.js'
import { type Address, readAddress } from '../address.js'
import type { Listener } from '../listener.js'
import type { Log } from '../log.js'
import { ocspMetrics } from './metrics.js'
import { serveOcsp } from './server.js'

/** Options of OCSP. */
export interface OcspListenerOptions {
  /** Where requests are answered: `HOST:PORT`, or `[ADDRESS]:PORT`. */
  readonly ocsp: string
}

/** Its ports. */
export interface OcspListenerPorts {
  readonly clock: Clock
  readonly log: Log
  readonly service: OcspService
}

/** Checks the options. Throws ERR_USAGE. */
export function planOcsp({ ocsp }: OcspListenerOptions): Address {
  return readAddress(ocsp, 'ocsp')
}

/** OCSP on its address. */
export function ocspListener(address: Address, { service, clock, log }: OcspListenerPorts): Listener {
  const metrics = ocspMetrics()
  return {
    whyUnavailable: service.whyUnavailable,
    inFlight: metrics.inFlight,
    metrics: async () =>
      metrics.text({ isAvailable: (await service.whyUnavailable()) === null, responders: service.responders() }),
    listen: () => serveOcsp(address, { service, metrics, log, clock }),
  }
}
