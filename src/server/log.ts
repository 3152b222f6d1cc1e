import { type DestinationStream, pino } from 'pino'
import type { Clock } from '../ports.js'

/** How much it matters. */
export type LogLevel = 'info' | 'warn' | 'error'

/** What a line says beside its event: flat, so that redacting by name sees every member. */
export type Facts = Readonly<Record<string, string | number | null>>

/** Writes one JSON document a line, with nothing that a client sent except names that were found to exist. */
export type Log = Readonly<Record<LogLevel, (facts: Facts, event: string) => void>>

/** Members whose values are redacted if a line ever has them. */
const SECRETS = ['authorization', 'cookie', 'key', 'passphrase', 'password', 'pin', 'secret', 'client_secret']
const HEADERS = ['["osf-token"]', '["private-token"]']

/** A log of pino's on `destination`; `isQuiet`: warnings and errors only. */
export function newLog(destination: DestinationStream, clock: Clock, isQuiet: boolean): Log {
  return pino(
    {
      level: isQuiet ? 'warn' : 'info',
      base: null,
      messageKey: 'event',
      timestamp: () => `,"time":"${clock().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      // Without wildcards: with them, pino copies every line first, which takes longer than answering the request.
      redact: [...SECRETS, ...HEADERS],
    },
    destination,
  )
}
