import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { shellWord } from '../shell-word.js'
import { type Environment, homeFile, type Parameters, parameterOf } from './postgres-parameters.js'

/** Debian's folder of libpq's configuration. */
const SYSTEM_FOLDER = '/etc/postgresql-common'

const MAX_BYTES = 1024 * 1024

/**
 * The parameters of a service in libpq's connection service file (PostgreSQL manual, "The Connection Service File"):
 * PGSERVICEFILE or ~/.pg_service.conf, then pg_service.conf in PGSYSCONFDIR.
 *
 * @throws FpkiError ERR_BAD_FILE when no file has the service, or it has a password
 */
export async function serviceParameters(
  service: string,
  files: Pick<DurableFiles, 'read' | 'checkOwnFile'>,
  env: Environment,
): Promise<Parameters> {
  const own = env['PGSERVICEFILE'] || homeFile('.pg_service.conf', env)
  const shared = `${env['PGSYSCONFDIR'] || SYSTEM_FOLDER}/pg_service.conf`
  const paths = own === null ? [shared] : [own, shared]
  for (const path of paths) {
    // Who can write it decides who gets the password.
    await files.checkOwnFile(path)
    const lines = sectionOf(service, (await files.read(path, MAX_BYTES)) ?? '')
    if (lines !== null) return parametersOf(lines, service, path)
  }
  throw new FpkiError(
    'ERR_BAD_FILE',
    `There is no service ${shellWord(service)} in ${paths.map(shellWord).join(' or ')}.`,
    'Check the name of the service, PGSERVICE and PGSERVICEFILE.',
    { option: 'store' },
  )
}

/** The lines of a section; null: there is no such section. */
function sectionOf(name: string, text: string): readonly string[] | null {
  const lines = text.split('\n').map((line) => line.trim())
  const begin = lines.indexOf(`[${name}]`)
  if (begin < 0) return null
  const rest = lines.slice(begin + 1)
  const end = rest.findIndex((line) => line.startsWith('['))
  return (end < 0 ? rest : rest.slice(0, end)).filter((line) => line !== '' && !line.startsWith('#'))
}

/** Parameters of libpq that fpki does not have are left out, such as `connect_timeout`. */
function parametersOf(lines: readonly string[], service: string, path: string): Parameters {
  const parameters: { -readonly [Name in keyof Parameters]: string } = {}
  for (const line of lines) {
    const [, key = '', value = ''] = /^([^=\s]+)\s*=\s*(.*)$/.exec(line) ?? []
    if (key === 'password') {
      throw new FpkiError(
        'ERR_BAD_FILE',
        `The service ${shellWord(service)} in ${shellWord(path)} has a password.`,
        'Move it to the file ~/.pgpass (mode 0600): `HOST:PORT:DATABASE:USER:PASSWORD`.',
      )
    }
    const parameter = parameterOf(key)
    if (parameter !== undefined) parameters[parameter] = value
  }
  return parameters
}
