import { embeddedPortsOn, thisMachine } from '../../../machine/index.js'
import { serviceManager } from '../../../machine/service-manager.js'
import { relayRegistrations } from '../../../server/relay/serve-relay.js'
import { filePath } from '../../directory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText } from '../../output.js'

/** The flags of `fpki devices relay`. */
export interface RelayFlags extends CommonFlags {
  readonly listen: string
  readonly upstream: string
  readonly cert: string
  readonly key: string
  readonly ca?: string
}

/** `fpki devices relay` */
export async function relay(flags: RelayFlags, io: Io): Promise<void> {
  const { listen, upstream, cert, key, ca, quiet = false } = flags
  const { signal } = io
  const ports = {
    ...embeddedPortsOn(thisMachine(io.machine), signal),
    manager: serviceManager(io.env),
    signal,
    // With --json, stdout has only the JSON document.
    log: flags.json ? io.stderr : io.stdout,
  }
  const station = { certificate: filePath(cert, io), key: filePath(key, io) }
  const roots = ca === undefined ? null : filePath(ca, io)
  await relayRegistrations({ listen, upstream, station, ca: roots, isQuiet: quiet }, ports, (served) => {
    if (flags.json) printJson(io, served)
    if (!quiet) printText(io, `${printable(`Relaying ${served.url} to ${served.upstream}`)}\n`, 'stderr')
  })
}
