/** systemd, which waits for a service. */
export interface ReadyManager {
  /** Says that the service is ready. Throws when nobody hears it. */
  ready(): Promise<void>
  /** Says that it stops. Never throws. */
  stopping(): Promise<void>
}

/** Resolves when the signal is aborted. */
export function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
