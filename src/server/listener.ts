import type { HttpServer } from './http-server.js'

/** One of the services that `fpki devices serve` offers, on an address of its own. */
export interface Listener {
  /** Why it cannot do its work right now, as a clause; null: it can. */
  whyUnavailable(): Promise<string | null>
  /** The number of requests in progress. */
  inFlight(): number
  /** In the text format of Prometheus. */
  metrics(): Promise<string>
  /** Begins to listen. Throws ERR_USAGE, ERR_BAD_KEY. */
  listen(): Promise<HttpServer>
}
