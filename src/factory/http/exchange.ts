/** One request to a server. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** null: none. */
  readonly body: string | null
}

/** What a server answered, whole. */
export interface HttpAnswer {
  readonly status: number
  /** Null where the server said none. */
  readonly headers: Readonly<Record<'retry-after' | 'location' | 'content-type' | 'etag', string | null>>
  readonly text: string
}

/** Sends a request and waits for the whole answer. Follows no redirect. Throws {@link NoAnswer}. */
export type Send = (request: HttpRequest) => Promise<HttpAnswer>

/** Why no answer came. */
export interface Fault {
  /** Begins in lower case, and fits behind a colon. */
  readonly reason: string
  /** What to do about it; null: to try again. */
  readonly hint: string | null
  /** The server may have got the request, and acted on it. */
  readonly mayHaveArrived: boolean
  /** It may go by itself. */
  readonly isTransient: boolean
}

/** No answer came, or not a whole one. */
export class NoAnswer extends Error {
  readonly fault: Fault

  constructor(fault: Fault, options?: ErrorOptions) {
    super(fault.reason, options)
    this.fault = fault
  }
}
