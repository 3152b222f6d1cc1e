import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { namedFactory } from '../../../config/settings.js'
import { FpkiError } from '../../../errors.js'
import { type ServiceThreads, serviceMachine } from '../../../machine/devices.js'
import { embeddedPortsOn, thisMachine, waitOrAbort } from '../../../machine/index.js'
import type { Machine } from '../../../machine/machine.js'
import { serviceManager } from '../../../machine/service-manager.js'
import { type RegisterChoice, registerPlace } from '../../../operations/devices/open-register.js'
import { factoryOfPki } from '../../../operations/open-pki.js'
import { type Cloud, cloudMode } from '../../../operations/registration/cloud-mode.js'
import type { CloudMode } from '../../../operations/registration/model.js'
import { registrationCloud } from '../../../operations/registration/open-cloud.js'
import { openRegistration, type RegistrationOptions } from '../../../operations/registration/open-registration.js'
import type { PublishEvent } from '../../../operations/registration/start-publishing.js'
import type { Log } from '../../../server/log.js'
import type { ServeRegistrationResult } from '../../../server/registration/served-registration.js'
import {
  type OpenRegistration,
  type ServeRegistrationOptions,
  serveRegistration,
} from '../../../server/serve-registration.js'
import { filePath, resolved } from '../../directory.js'
import { embeddedStateDirectory, factoryApiFor } from '../../factory.js'
import { keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** Beside the bundle of the command line. */
const THREADS = {
  program: fileURLToPath(new URL('device-batch/device-batch-thread.js', import.meta.url)),
  registerProgram: fileURLToPath(new URL('device-register/register-thread.js', import.meta.url)),
}

/** The flags of `fpki devices serve`. */
export interface ServeDevicesFlags extends CommonFlags, HsmFlags {
  readonly register: string
  readonly tls: boolean
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsName?: readonly string[]
  readonly insecureHttp?: readonly string[]
  readonly status?: string
  readonly line?: string
  readonly tokenHeader: string
  readonly cloud?: CloudMode
  readonly days?: number
  readonly gateway?: string
  readonly ostree?: string
  readonly store?: string
  readonly hsmSessions?: number
}

/** `fpki devices serve <directory>` */
export async function serve(directory: string, flags: ServeDevicesFlags, io: Io): Promise<void> {
  const machine = thisMachine(io.machine)
  // On a signal, the service finishes what it accepted, with all that it has opened.
  const { signal } = new AbortController()
  const lasting = { ...io, signal }
  const ports = {
    ...embeddedPortsOn(machine, signal),
    open: (log: Log) => openService(resolved(directory, io), flags, { io: lasting, machine, log }),
    manager: serviceManager(io.env),
    progress: progressOn(io, flags),
    signal: io.signal,
    // With --json, stdout has only the JSON document.
    log: flags.json ? io.stderr : io.stdout,
    residentBytes: () => process.memoryUsage.rss(),
    hostName: () => hostname().toLowerCase(),
  }
  await serveRegistration(httpOptions(resolved(directory, io), flags, io), ports, (served) => {
    if (flags.json) printJson(io, served)
    if (!flags.quiet) printText(io, asText(served), 'stderr')
  })
}

function httpOptions(directory: string, flags: ServeDevicesFlags, io: Io): ServeRegistrationOptions {
  const { register, tls, tlsCert, tlsKey, tlsName = [], insecureHttp = [], status = null, tokenHeader } = flags
  const isIncomplete = (tlsCert === undefined) !== (tlsKey === undefined)
  if (isIncomplete || (!tls && tlsCert !== undefined)) {
    const hint = 'Pass both, or neither to let fpki issue a certificate, or only --no-tls.'
    throw new FpkiError('ERR_USAGE', '--tls-cert and --tls-key must be used together, and without --no-tls.', hint)
  }
  const tlsFiles =
    tlsCert === undefined || tlsKey === undefined
      ? null
      : { certificate: filePath(tlsCert, io), key: filePath(tlsKey, io) }
  const { quiet: isQuiet = false } = flags
  return { directory, register, tls, tlsFiles, names: tlsName, insecureHttp, status, tokenHeader, isQuiet }
}

async function openService(
  directory: string,
  flags: ServeDevicesFlags,
  { io, machine, log }: { readonly io: Io; readonly machine: Machine; readonly log: Log },
): Promise<OpenRegistration> {
  const { line = null, gateway = null, ostree = null, days = null, hsmSessions = 4 } = flags
  const cloud = await cloudOf(directory, flags, io, machine)
  const options: RegistrationOptions = {
    ...{ directory, factory: namedFactory(flags, io.env), cloud: cloud.mode },
    ...{ store: storeOf(flags, io), line, gateway, ostree, days, hsmSessions },
  }
  const progress = progressOn(io, flags)
  const report = (event: PublishEvent) => reportTo(log, event)
  const service = await openRegistration(options, {
    ...machine,
    // Not io.signal: what was accepted by then is still signed.
    ...serviceMachine(machine, { ...threadsFor(options), signal: new AbortController().signal }),
    progress,
    wait: waitOrAbort,
    access: await keyAccess(flags, io, progress),
    ...(cloud.api === null
      ? {}
      : { openCloud: registrationCloud(cloud.api, { ...machine, wait: waitOrAbort, report }) }),
  })
  return { service, registerNow: service.state }
}

/** A database server has cores of its own. */
function threadsFor(choice: RegisterChoice): Pick<ServiceThreads, 'program' | 'registerProgram'> {
  return 'url' in registerPlace(choice) ? { program: THREADS.program } : THREADS
}

async function cloudOf(directory: string, flags: ServeDevicesFlags, io: Io, machine: Machine): Promise<Cloud> {
  const { cloud = null } = flags
  const isEmbedded = (await embeddedStateDirectory(flags, io, machine)) !== null
  if (cloud === 'off' || isEmbedded) return cloudMode(cloud, null)
  const ofDirectory = () => factoryOfPki(machine.files, directory)
  const { devices } = await factoryApiFor(flags, io, machine, { changes: true, ofDirectory })
  return cloudMode(cloud, devices)
}

function reportTo(log: Log, event: PublishEvent): void {
  if (event.kind === 'resumed') log.info({}, 'cloud resumed')
  else if (event.kind === 'paused')
    log.warn({ reason: event.reason, until: new Date(event.until).toISOString() }, 'cloud paused')
  else log.warn({ uuid: event.uuid, reason: event.reason }, `cloud ${event.kind}`)
}

function asText({ url, directory, status, trust }: ServeRegistrationResult): string {
  const trusted = trust === null ? [] : [`Devices must trust ${trust.path}`, `  SHA-256 ${trust.sha256}`]
  return [
    `Registering devices at ${url}, in ${directory}`,
    ...(status === null ? [] : [`Status at ${status}`]),
    ...trusted,
    `For devices: DEVICE_API=${url}/sign`,
  ]
    .map((text) => `${printable(text)}\n`)
    .join('')
}
