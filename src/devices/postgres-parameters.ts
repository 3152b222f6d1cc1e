import { isAbsolute, join } from 'node:path'
import { FpkiError } from '../errors.js'

/** The environment of the process. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What a URL may say of a connection besides its password, with the variables of libpq that stand for it. */
export const VARIABLES = {
  host: 'PGHOST',
  port: 'PGPORT',
  user: 'PGUSER',
  dbname: 'PGDATABASE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  options: 'PGOPTIONS',
  service: 'PGSERVICE',
} as const

/** Parameters of a connection, as libpq names them. */
export type Parameters = { readonly [Name in keyof typeof VARIABLES]?: string }

/** The parameter with this name; undefined: fpki has no such parameter. */
export function parameterOf(name: string): keyof Parameters | undefined {
  return (Object.keys(VARIABLES) as (keyof Parameters)[]).find((one) => one === name)
}

/** A file in the user's home; null: it is not known. */
export function homeFile(name: string, { HOME: home }: Environment): string | null {
  return home !== undefined && isAbsolute(home) ? join(home, name) : null
}

/** The error for a URL that fpki cannot use; `reason` is a clause. */
export function invalidUrl(reason: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `Invalid URL of a PostgreSQL database: ${reason}.`,
    'Write it like postgres://user@host:5432/database?sslmode=verify-full&sslrootcert=/path/ca.pem',
    { option: 'store' },
  )
}
