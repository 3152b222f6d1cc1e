import { FpkiError, systemErrorCode } from '../errors.js'

type Code = 'ERR_STORE_AWAY' | 'ERR_STORE_LOGIN' | 'ERR_STORAGE' | 'ERR_LOCKED' | 'ERR_BAD_FILE' | 'ERR_NOT_INITIALIZED'
type Explanation = readonly [code: Code, reason: string, hint: string]

const AGAIN = 'Run the same command again; what was committed is in the register.'
const START = 'Start the server, or check host and port, and run the same command again.'
const TLS =
  'Give the certificate of the CA that signed it: sslrootcert=/path/ca.pem in the URL. The name of the host must be in the certificate.'

const AWAY = (reason: string, hint = AGAIN): Explanation => ['ERR_STORE_AWAY', reason, hint]
const LOGIN = (reason: string, hint: string): Explanation => ['ERR_STORE_LOGIN', reason, hint]
const DAMAGED: Explanation = ['ERR_BAD_FILE', 'the database is damaged', 'Restore it from a backup of the server.']
const PASSWORD =
  'Put the password into the file ~/.pgpass or PGPASSFILE: `HOST:PORT:DATABASE:USER:PASSWORD`, mode 0600.'

/** SQLSTATEs (PostgreSQL manual, appendix A) with causes outside of fpki, and codes of Node. */
const CODES: Readonly<Record<string, Explanation>> = {
  '40001': ['ERR_LOCKED', 'another process is writing the same rows', AGAIN],
  '40P01': ['ERR_LOCKED', 'another process is writing the same rows', AGAIN],
  '55P03': ['ERR_LOCKED', 'another process holds a lock', AGAIN],
  '53100': [
    'ERR_STORAGE',
    'no space left on the server',
    'Free some space on the server and run the same command again.',
  ],
  '53200': ['ERR_STORAGE', 'the server is out of memory', AGAIN],
  '58030': ['ERR_STORAGE', 'input/output error on the server', "Check the server's disk and its log."],
  '25006': ['ERR_STORAGE', 'it is read-only', 'Connect to the primary server, as a user who may write.'],
  '42501': ['ERR_STORAGE', 'permission denied', 'Let the owner of the tables grant the user its rights on them.'],
  '53300': AWAY('the server has too many connections', 'Raise max_connections on the server, or run fewer processes.'),
  '57014': AWAY('the server cancelled a statement'),
  '57P01': AWAY('the server is shutting down', START),
  '57P02': AWAY('the server crashed, and is recovering'),
  '57P03': AWAY('the server is starting or shutting down'),
  '57P04': AWAY('the database was dropped', 'Check the name of the database.'),
  '25P03': AWAY('the connection was idle in a transaction for too long'),
  '28P01': LOGIN('the server rejects the user or the password', PASSWORD),
  '28000': LOGIN('the server rejects the user', 'Check the user, and pg_hba.conf on the server.'),
  '3D000': ['ERR_NOT_INITIALIZED', 'the database does not exist', 'Create it on the server with `createdb`.'],
  '42P01': ['ERR_BAD_FILE', 'a table is missing', 'Restore it from a backup of the server.'],
  '42703': ['ERR_BAD_FILE', 'a column is missing', 'Restore it from a backup of the server.'],
  XX001: DAMAGED,
  XX002: DAMAGED,
  ECONNREFUSED: AWAY('the server does not answer', START),
  ENOENT: AWAY('there is no socket of a server', START),
  EACCES: AWAY('permission denied for the socket', 'Check the permissions of its folder.'),
  ECONNRESET: AWAY('the connection was lost'),
  EPIPE: AWAY('the connection was lost'),
  ETIMEDOUT: AWAY('the server does not answer', START),
  EHOSTUNREACH: AWAY('there is no route to the server', START),
  ENETUNREACH: AWAY('there is no route to the server', START),
  ENOTFOUND: AWAY('the name of the host is unknown', 'Check the name of the host.'),
  EAI_AGAIN: AWAY('the name of the host cannot be resolved now', 'Check the network and the name of the host.'),
  ERR_TLS_CERT_ALTNAME_INVALID: LOGIN('the certificate of the server is for another host', TLS),
  CERT_HAS_EXPIRED: LOGIN('the certificate of the server has expired', 'Renew it on the server.'),
  DEPTH_ZERO_SELF_SIGNED_CERT: LOGIN('the certificate of the server is not trusted', TLS),
  SELF_SIGNED_CERT_IN_CHAIN: LOGIN('the certificate of the server is not trusted', TLS),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: LOGIN('the certificate of the server is not trusted', TLS),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: LOGIN('the certificate of the server is not trusted', TLS),
}

/** Classes of SQLSTATEs: connection exceptions, and insufficient resources. */
const CLASSES: Readonly<Record<string, Explanation>> = {
  '08': AWAY('the connection failed'),
  '53': ['ERR_STORAGE', 'the server lacks resources', 'Check its log.'],
}

/** Errors of the package that have no code. */
const TEXTS: readonly (readonly [RegExp, Explanation])[] = [
  [
    /^Connection terminated due to connection timeout|^timeout (expired|exceeded)/,
    AWAY('the server does not answer', START),
  ],
  [/^Query read timeout/, AWAY('the server does not answer')],
  [/^Connection terminated|^Client has encountered|^Client was closed/, AWAY('the connection was lost')],
  [
    /^The server does not support SSL/,
    LOGIN(
      'the server has no TLS',
      'Set it up on the server; sslmode=disable in the URL does without, in a trusted network.',
    ),
  ],
  [/^There was an error establishing an SSL connection/, AWAY('the server does not answer', START)],
  [/^SASL: .*password must be|^SASL: .*password/, LOGIN('the server asks for a password', PASSWORD)],
]

/** Runs `work` on the register `name`, and converts errors of the server that are not mistakes of fpki. */
export async function explainPostgresErrors<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explained(name, error)
  }
}

function explained(name: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error
  // Every address of a host was tried.
  const first = error instanceof AggregateError ? error.errors[0] : error
  const explanation = explanationOf(first instanceof Error ? first : error)
  if (explanation === undefined) return error
  const [code, reason, hint] = explanation
  return new FpkiError(code, `The device register ${name}: ${reason}.`, hint, { cause: error })
}

function explanationOf(error: Error): Explanation | undefined {
  const code = systemErrorCode(error) ?? ''
  const isSqlState = /^[0-9A-Z]{5}$/.test(code) && 'severity' in error
  return (
    CODES[code] ??
    (isSqlState ? CLASSES[code.slice(0, 2)] : undefined) ??
    TEXTS.find(([text]) => text.test(error.message))?.[1]
  )
}
