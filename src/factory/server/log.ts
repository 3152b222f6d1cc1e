import { type DestinationStream, type Logger, pino } from 'pino'
import type { Clock } from '../../ports.js'

/** How much it matters. */
export type LogLevel = 'info' | 'warn' | 'error'

/** Writes one JSON document a line. Nothing that a client sent is in them but what was found to be a name. */
export type Log = Pick<Logger, LogLevel>

/** Members whose values are left out, should a line ever have them. */
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
      redact: [...SECRETS, ...HEADERS, ...SECRETS.map((name) => `*.${name}`), ...HEADERS.map((name) => `*${name}`)],
    },
    destination,
  )
}
