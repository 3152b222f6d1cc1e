import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { FpkiError } from '../../../errors.js'
import { embeddedFactoryOn, embeddedPortsOn, thisMachine } from '../../../machine/index.js'
import { serviceManager } from '../../../machine/service-manager.js'
import { type ServeApiOptions, serveApi } from '../../../server/serve-api.js'
import type { ServeApiResult } from '../../../server/served-api.js'
import { resolved } from '../../directory.js'
import { servedStateDirectory } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

/** The flags of `fpki api serve`. */
export interface ServeFlags extends CommonFlags {
  readonly listen: string
  readonly tls: boolean
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsName?: readonly string[]
  readonly fault?: readonly string[]
  readonly devices?: readonly string[]
  readonly store?: string
}

/** `fpki api serve` */
export async function serve(flags: ServeFlags, io: Io): Promise<void> {
  const machine = thisMachine(io.machine)
  const stateDirectory = await servedStateDirectory(flags, io, machine)
  // Not io.signal: on a signal, the server lets pending requests finish, within its own timeout.
  const { signal } = new AbortController()
  const ports = {
    ...embeddedPortsOn(machine, signal),
    apiOf: (factory: string) => embeddedFactoryOn({ stateDirectory, factory }, { ...machine, signal }),
    manager: serviceManager(io.env),
    progress: progressOn(io, flags),
    signal: io.signal,
    // With --json, stdout has only the JSON document.
    log: flags.json ? io.stderr : io.stdout,
    residentBytes: () => process.memoryUsage.rss(),
    hostName: () => hostname().toLowerCase(),
  }
  const options = { ...optionsOf(flags, stateDirectory), devices: registersOf(flags, io) }
  await serveApi(options, ports, (served) => {
    if (flags.json) printJson(io, served)
    if (!flags.quiet) printText(io, asText(served), 'stderr')
  })
}

function registersOf(flags: ServeFlags, io: Io): ServeApiOptions['devices'] {
  const { devices = [], store = null } = flags
  if (store === null || devices.length === 1)
    return devices.map((directory) => ({ directory: resolved(directory, io), store }))
  const hint = 'Pass --devices once, or start a server for each register.'
  throw new FpkiError('ERR_USAGE', '--store is the device register of one PKI directory.', hint)
}

function optionsOf(flags: ServeFlags, stateDirectory: string): Omit<ServeApiOptions, 'devices'> {
  const { listen, tls, tlsCert, tlsKey, tlsName = [], fault = [], quiet = false } = flags
  const isIncomplete = (tlsCert === undefined) !== (tlsKey === undefined)
  if (isIncomplete || (!tls && tlsCert !== undefined)) {
    const hint = 'Pass both, or neither to let fpki issue a certificate, or only --no-tls.'
    throw new FpkiError('ERR_USAGE', '--tls-cert and --tls-key must be used together, and without --no-tls.', hint)
  }
  const tlsFiles =
    tlsCert === undefined || tlsKey === undefined ? null : { certificate: resolve(tlsCert), key: resolve(tlsKey) }
  return { stateDirectory, listen, tls, tlsFiles, names: tlsName, faults: fault, isQuiet: quiet }
}

function asText({ url, stateDirectory, factories, tokens, trust, devices }: ServeApiResult): string {
  const trusted = trust === null ? [] : [`For clients: CACERT=${trust.path}`, `  SHA-256 ${trust.sha256}`]
  const noTokens = 'No client has access yet; to create a token: fpki api token create --factory NAME'
  return [
    `Serving the embedded Factory API at ${url}`,
    `  ${factories.length === 0 ? 'no factories' : factories.join(', ')}, in ${stateDirectory}`,
    ...devices.map(({ factory, directory }) => `Devices of ${factory}: ${directory}`),
    ...trusted,
    ...(tokens === 0 ? [noTokens] : []),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('')
}
