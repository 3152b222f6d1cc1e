import { userInfo } from 'node:os'
import { isAbsolute } from 'node:path'
import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import type { PostgresPlace, PostgresTls } from './postgres.js'
import { type Environment, invalidUrl, type Parameters, parameterOf, VARIABLES } from './postgres-parameters.js'
import { serviceParameters } from './postgres-service.js'
import { withoutPassword } from './postgres-url.js'

type Files = Pick<DurableFiles, 'read' | 'checkOwnFile'>

/** Where libpq looks for the socket on Debian. */
const SOCKET = '/var/run/postgresql'

const UNESCAPED = 'write "@" after the host as %40, and "/" and "?" in a password as %2F and %3F'

const MAX_CA_BYTES = 1024 * 1024

/**
 * Where a `postgres://` URL leads. What it leaves out comes from the service that it names, then from the variables of libpq
 * (PGHOST, PGUSER, PGPASSWORD, …), then from libpq's defaults; a password, from PGPASSFILE or ~/.pgpass.
 *
 * @throws FpkiError ERR_USAGE when it is not such a URL, ERR_BAD_FILE when a file that it names is missing or not usable
 */
export async function postgresPlace(url: string, files: Files, env: Environment = process.env): Promise<PostgresPlace> {
  const { parameters, password = env['PGPASSWORD'] || undefined } = readUrl(url)
  const service = parameters.service ?? (env[VARIABLES.service] || undefined)
  const inService = service === undefined ? {} : await serviceParameters(service, files, env)
  const valueFor = (name: keyof Parameters) =>
    parameters[name] ?? inService[name] ?? (env[VARIABLES[name]] || undefined)
  const host = valueFor('host') ?? SOCKET
  const user = valueFor('user') ?? userInfo().username
  const address = { host, port: portOf(valueFor('port') ?? '5432'), user, database: valueFor('dbname') ?? user }
  const tls = await tlsOf(host, { mode: valueFor('sslmode'), roots: valueFor('sslrootcert') }, files)
  return {
    ...address,
    ...{ tls, options: valueFor('options') ?? null, name: withoutPassword(url) },
    password: async () => password ?? (await passwordInFile(address)),
  }
}

function readUrl(text: string): { readonly parameters: Parameters; readonly password?: string } {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) throw invalidUrl('it cannot be read')
  if (url.hash !== '') throw invalidUrl('write "#" in it as %23')
  // A password with "/" or "?" ends the host early: its rest would be taken for a database, and shown.
  if (`${url.pathname}${url.search}`.includes('@')) throw invalidUrl(UNESCAPED)
  const host = decoded(url.hostname).replace(/^\[(.*)\]$/, '$1')
  if (host.includes(',')) throw invalidUrl('it names several hosts')
  const inPath = { host, port: url.port, user: decoded(url.username), dbname: decoded(url.pathname.slice(1)) }
  const parameters = {
    ...parametersOf(url.searchParams),
    ...Object.fromEntries(Object.entries(inPath).filter(([, value]) => value !== '')),
  }
  return url.password === '' ? { parameters } : { parameters, password: decoded(url.password) }
}

function parametersOf(query: URLSearchParams): Parameters {
  const parameters: { -readonly [Name in keyof Parameters]: string } = {}
  for (const [key, value] of query) {
    const parameter = parameterOf(key)
    if (parameter === undefined) {
      throw key === 'password'
        ? invalidUrl('the password must not be a parameter')
        : invalidUrl(
            `unknown parameter ${JSON.stringify(key.slice(0, 40))}, not of ${Object.keys(VARIABLES).join(', ')}`,
          )
    }
    parameters[parameter] = value
  }
  return parameters
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalidUrl('write "%" in it as %25')
  }
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port > 0 && port < 65_536) return port
  throw invalidUrl(`invalid port ${JSON.stringify(text.slice(0, 40))}`)
}

/** What leaves this machine is encrypted, and the server is checked, unless the URL says otherwise. */
async function tlsOf(
  host: string,
  { mode, roots }: { readonly mode: string | undefined; readonly roots: string | undefined },
  files: Files,
): Promise<PostgresTls | null> {
  const isHere = host.startsWith('/') || /^(localhost|127\.[\d.]+|::1)$/i.test(host)
  switch (mode ?? (isHere ? 'disable' : 'verify-full')) {
    case 'disable':
      return null
    case 'require':
      if (roots === undefined) return { rejectUnauthorized: false }
      throw invalidUrl('sslmode=require does not use sslrootcert; sslmode=verify-full does')
    case 'verify-full':
      return { rejectUnauthorized: true, ...(roots === undefined ? {} : { ca: await readRoots(roots, files) }) }
    default:
      throw invalidUrl(`sslmode must be verify-full, require or disable, not ${JSON.stringify(mode?.slice(0, 40))}`)
  }
}

async function readRoots(path: string, files: Files): Promise<string> {
  if (!isAbsolute(path)) throw invalidUrl('sslrootcert must be an absolute path')
  await files.checkOwnFile(path)
  const pem = await files.read(path, MAX_CA_BYTES)
  if (pem?.includes('-----BEGIN CERTIFICATE-----')) return pem
  const reason = pem === null ? 'does not exist' : 'has no certificate in PEM'
  throw new FpkiError('ERR_BAD_FILE', `${path} (sslrootcert) ${reason}.`, 'Check the path.', { option: 'store' })
}

/** The password in PGPASSFILE or ~/.pgpass; undefined: none. The package ignores a file that others can read, and says so. */
async function passwordInFile(address: Pick<PostgresPlace, 'host' | 'port' | 'user' | 'database'>) {
  const { default: pgpass } = await import('pgpass')
  const host = address.host.startsWith('/') ? 'localhost' : address.host
  return new Promise<string | undefined>((resolve) => pgpass({ ...address, host }, resolve))
}
