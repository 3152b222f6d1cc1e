/** One request to a server. */
export interface HttpRequest {
  readonly method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** null for none. */
  readonly body: string | null
  /** Aborts this request only; its reason is thrown. */
  readonly signal?: AbortSignal | undefined
}

/** The statuses of success (docs/profile.md#api-errors). */
export const SUCCESS: ReadonlySet<number> = new Set([200, 201, 202, 204])

/** A complete response. */
export interface HttpAnswer {
  readonly status: number
  /** null for absent headers. */
  readonly headers: Readonly<Record<'retry-after' | 'location' | 'content-type' | 'etag', string | null>>
  readonly text: string
}

/** Sends a request and waits for the complete response, without following redirects. Throws {@link NoAnswer}. */
export type Send = (request: HttpRequest) => Promise<HttpAnswer>

/** Why there was no response. */
export interface Fault {
  /** A clause to follow a colon. */
  readonly reason: string
  /** What to do; null to try again. */
  readonly hint: string | null
  /** Whether the server may have received the request and acted on it. */
  readonly mayHaveArrived: boolean
  /** Whether a retry may succeed. */
  readonly isTransient: boolean
}

/** There was no response, or only part of one. */
export class NoAnswer extends Error {
  readonly fault: Fault

  constructor(fault: Fault, options?: ErrorOptions) {
    super(fault.reason, options)
    this.fault = fault
  }
}
