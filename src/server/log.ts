import { type DestinationStream, pino } from 'pino'
import type { Clock } from '../ports.js'

/** The severity of a log line. */
export type LogLevel = 'info' | 'warn' | 'error'

/** The members of a log line; flat, so that redaction by name applies to all of them. */
export type Facts = Readonly<Record<string, string | number | null>>

/** Writes one JSON object per line, without client input except the names of existing factories. */
export type Log = Readonly<Record<LogLevel, (facts: Facts, event: string) => void>>

/** Members to redact, should a line ever contain them. */
const SECRETS = ['authorization', 'cookie', 'key', 'passphrase', 'password', 'pin', 'secret', 'client_secret']
const HEADERS = ['["osf-token"]', '["private-token"]']

/** A pino log on `destination`; with `isQuiet`, only warnings and errors. */
export function newLog(destination: DestinationStream, clock: Clock, isQuiet: boolean): Log {
  return pino(
    {
      level: isQuiet ? 'warn' : 'info',
      base: null,
      messageKey: 'event',
      timestamp: () => `,"time":"${clock().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      // With wildcards, pino would copy every line, which takes longer than handling the request.
      redact: [...SECRETS, ...HEADERS],
    },
    destination,
  )
}
