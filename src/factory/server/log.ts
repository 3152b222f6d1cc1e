import type { Clock } from '../../ports.js'

/** How much it matters. */
export type LogLevel = 'info' | 'warn' | 'error'

/** Writes one JSON document a line. Nothing that a client sent is in them but what was found to be a name. */
export interface Log {
  write(level: LogLevel, event: string, facts: Readonly<Record<string, unknown>>): void
  /** Brings out what waits. */
  flush(): void
}

/** Lines of one turn of the event loop go out together: under load, a write for each would cost more than the answers. */
export function jsonLog(out: (text: string) => void, clock: Clock, isQuiet: boolean): Log {
  let waiting = ''
  const flush = () => {
    const text = waiting
    waiting = ''
    if (text !== '') out(text)
  }
  return {
    write: (level, event, facts) => {
      if (isQuiet && level === 'info') return
      if (waiting === '') setImmediate(flush)
      waiting += `${JSON.stringify({ time: clock().toISOString(), level, event, ...facts })}\n`
    },
    flush,
  }
}
