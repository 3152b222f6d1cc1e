import { isValidStation, isValidToken } from '../../devices/credential-store.js'
import { DEFAULT_LINE, type Line } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import { directoryWords } from '../devices/open-register.js'
import { isServed } from './availability.js'
import type { ServiceRegister } from './issuing-thread/calls.js'
import type { RegistrationOptions } from './options.js'

/**
 * The lines that register devices and have a token or station that is valid now. Throws ERR_LINE when there are none: nobody
 * could register a device.
 *
 * @param register null: there is no register
 */
export async function linesWithCredentials(
  register: Pick<ServiceRegister, 'lines' | 'credentials'> | null,
  options: Pick<RegistrationOptions, 'directory' | 'line' | 'store'>,
  now: Date,
): Promise<readonly Line[]> {
  const { line: only } = options
  if (only === DEFAULT_LINE) throw defaultLine(options)
  const lines = (await register?.lines.list()) ?? []
  const tokens = (await register?.credentials.tokens(only)) ?? []
  const stations = (await register?.credentials.stations(only)) ?? []
  const names = new Set([
    ...tokens.filter((token) => isValidToken(token, now)).map(({ line }) => line),
    ...stations.filter((station) => isValidStation(station, now)).map(({ line }) => line),
  ])
  const served = lines.filter((line) => isServed(line, only))
  const found = served.filter(({ name }) => names.has(name))
  if (found.length === 0) throw nobody(options, served)
  return found
}

function nobody(options: Parameters<typeof linesWithCredentials>[1], [first]: readonly Line[]): FpkiError {
  const { line: only } = options
  const words = directoryWords(options)
  const name = only ?? first?.name ?? 'line-1'
  const create = `fpki lines create ${words} ${name}`
  const token = `fpki lines token ${words} ${name}`
  return new FpkiError(
    'ERR_LINE',
    only === null
      ? 'No device could register: no line has a valid token or station.'
      : `No device could register: the line ${JSON.stringify(only)} has no valid token or station.`,
    first === undefined
      ? `Create a line and a token for it: \`${create}\`, then \`${token}\`.`
      : `Create a token: \`${token}\`.`,
    only === null ? {} : { option: 'line' },
  )
}

function defaultLine(options: Pick<RegistrationOptions, 'directory' | 'store'>): FpkiError {
  return new FpkiError(
    'ERR_LINE',
    `Devices cannot register themselves with the line ${DEFAULT_LINE}, which only issues offline.`,
    `Create another line: \`fpki lines create ${directoryWords(options)} line-1\`.`,
    { option: 'line' },
  )
}
