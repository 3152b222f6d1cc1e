import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { FpkiError } from '../../../errors.js'
import { embeddedFactoryOn, embeddedPortsOn, thisMachine } from '../../../machine/index.js'
import { type ServeApiOptions, serveApi } from '../../../server/serve-api.js'
import type { ServeApiResult } from '../../../server/served-api.js'
import { servedStateDirectory } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, progressOn } from '../../output.js'

/** The flags of `fpki api serve`. */
export interface ServeFlags extends CommonFlags {
  readonly listen: string
  readonly tls: boolean
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsName?: readonly string[]
  readonly fault?: readonly string[]
}

/** `fpki api serve` */
export async function serve(flags: ServeFlags, io: Io): Promise<void> {
  const machine = thisMachine(io.machine)
  const stateDirectory = await servedStateDirectory(flags, io, machine)
  // Work that is begun is brought to its end when fpki is told to stop: the server has a time-out of its own for it.
  const { signal } = new AbortController()
  const ports = {
    ...embeddedPortsOn(machine, signal),
    apiOf: (factory: string) => embeddedFactoryOn({ stateDirectory, factory }, { ...machine, signal }),
    progress: progressOn(io, flags),
    signal: io.signal,
    // With --json, stdout is for that one document.
    log: flags.json ? io.stderr : io.stdout,
    residentBytes: () => process.memoryUsage.rss(),
    hostName: () => hostname().toLowerCase(),
  }
  await serveApi(optionsOf(flags, stateDirectory), ports, (served) => {
    if (flags.json) printJson(io, served)
    if (!flags.quiet) io.stderr(inWords(served))
  })
}

function optionsOf(flags: ServeFlags, stateDirectory: string): ServeApiOptions {
  const { listen, tls, tlsCert, tlsKey, tlsName = [], fault = [], quiet = false } = flags
  const isHalf = (tlsCert === undefined) !== (tlsKey === undefined)
  if (isHalf || (!tls && tlsCert !== undefined)) {
    const hint = 'Give both; or neither, and fpki makes them; or --no-tls alone.'
    throw new FpkiError('ERR_USAGE', '--tls-cert and --tls-key belong together, and not to --no-tls.', hint)
  }
  const given =
    tlsCert === undefined || tlsKey === undefined ? null : { certificate: resolve(tlsCert), key: resolve(tlsKey) }
  return { stateDirectory, listen, tls, given, names: tlsName, faults: fault, isQuiet: quiet }
}

function inWords({ url, stateDirectory, factories, tokens, trust }: ServeApiResult): string {
  const trusted = trust === null ? [] : [`Its clients trust CACERT=${trust.path}`, `  SHA-256 ${trust.sha256}`]
  const none = 'There is no token yet, and nobody is let in: fpki api token create --factory NAME'
  return [
    `Serving the embedded Factory API at ${url}`,
    `  ${factories.length === 0 ? 'no factory yet' : factories.join(', ')}, in ${stateDirectory}`,
    ...trusted,
    ...(tokens === 0 ? [none] : []),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('')
}
