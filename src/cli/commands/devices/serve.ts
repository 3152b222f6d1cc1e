import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { namedFactory } from '../../../config/settings.js'
import { FpkiError } from '../../../errors.js'
import { deviceFiles, type ServiceThreads, serviceMachine } from '../../../machine/devices.js'
import { embeddedPortsOn, thisMachine, waitOrAbort } from '../../../machine/index.js'
import type { Machine } from '../../../machine/machine.js'
import { serviceManager } from '../../../machine/service-manager.js'
import {
  type DeviceServicesOptions,
  type OpenDeviceServices,
  openDeviceServices,
} from '../../../operations/device-services/open-device-services.js'
import { type RegisterChoice, registerPlace } from '../../../operations/devices/open-register.js'
import { OCSP_VALIDITY } from '../../../operations/ocsp/open-ocsp.js'
import { factoryOfPki } from '../../../operations/open-pki.js'
import { type Cloud, cloudMode } from '../../../operations/registration/cloud-mode.js'
import { registrationCloud } from '../../../operations/registration/open-cloud.js'
import type { PublishEvent } from '../../../operations/registration/start-publishing.js'
import { readClientCas, readClientMap } from '../../../operations/renewal/client-files.js'
import { estIdentity } from '../../../operations/renewal/est-identity.js'
import { DEFAULT_OVERLAP, type RenewalTerms } from '../../../operations/renewal/options.js'
import type { Log } from '../../../server/log.js'
import { serveDevices } from '../../../server/serve-devices.js'
import type { ServeDevicesResult } from '../../../server/served-devices.js'
import { filePath, resolved } from '../../directory.js'
import { embeddedStateDirectory, factoryApiFor } from '../../factory.js'
import { keyAccess } from '../../hsm.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'
import { httpOptions, type ServeDevicesFlags } from './serve-options.js'

/** Beside the bundle of the command line. */
const THREADS = {
  program: fileURLToPath(new URL('device-batch/device-batch-thread.js', import.meta.url)),
  registerProgram: fileURLToPath(new URL('device-register/register-thread.js', import.meta.url)),
}

/** `fpki devices serve <directory>` */
export async function serve(path: string, flags: ServeDevicesFlags, io: Io): Promise<void> {
  const machine = thisMachine(io.machine)
  const directory = resolved(path, io)
  // On a signal, the service finishes what it accepted, with all that it has opened.
  const { signal } = new AbortController()
  const lasting = { ...io, signal }
  const embedded = embeddedPortsOn(machine, signal)
  const ports = {
    ...embedded,
    open: (log: Log) => openServices(directory, flags, { io: lasting, machine, log }),
    estIdentity: async () => {
      const stateDirectory = await embeddedStateDirectory(flags, io, machine)
      const whose = { directory, factory: namedFactory(flags, io.env), stateDirectory }
      return estIdentity(whose, { files: machine.files, openKey: embedded.keys.open })
    },
    manager: serviceManager(io.env),
    progress: progressOn(io, flags),
    signal: io.signal,
    // With --json, stdout has only the JSON document.
    log: flags.json ? io.stderr : io.stdout,
    residentBytes: () => process.memoryUsage.rss(),
    hostName: () => hostname().toLowerCase(),
  }
  await serveDevices(httpOptions(directory, flags, io), ports, (served) => {
    if (flags.json) printJson(io, served)
    if (!flags.quiet) printText(io, asText(served), 'stderr')
  })
}

async function openServices(
  directory: string,
  flags: ServeDevicesFlags,
  { io, machine, log }: { readonly io: Io; readonly machine: Machine; readonly log: Log },
): Promise<OpenDeviceServices> {
  const { days = null, hsmSessions = 4, line = null, gateway = null, ostree = null } = flags
  const cloud = flags.register === undefined ? null : await cloudOf(directory, flags, io, machine)
  const options: DeviceServicesOptions = {
    ...{ directory, factory: namedFactory(flags, io.env), store: storeOf(flags, io), days, hsmSessions },
    registration: cloud === null ? null : { line, gateway, ostree, cloud: cloud.mode },
    renewal: flags.est === undefined ? null : await renewalTerms(flags, io, machine),
    ocsp: flags.ocsp === undefined ? null : { validity: ocspValidityOf(flags) },
  }
  const progress = progressOn(io, flags)
  const report = (event: PublishEvent) => reportTo(log, event)
  return openDeviceServices(options, {
    ...machine,
    // Not io.signal: what was accepted by then is still signed.
    ...serviceMachine(machine, { ...threadsFor(options), signal: new AbortController().signal }),
    progress,
    wait: waitOrAbort,
    access: await keyAccess(flags, io, progress),
    ...(cloud === null || cloud.api === null
      ? {}
      : { openCloud: registrationCloud(cloud.api, { ...machine, wait: waitOrAbort, report }) }),
  })
}

function ocspValidityOf({ ocspValidity }: ServeDevicesFlags): number {
  return ocspValidity === undefined ? OCSP_VALIDITY : ocspValidity * 1000
}

/** A database server has cores of its own. */
function threadsFor(choice: RegisterChoice): Pick<ServiceThreads, 'program' | 'registerProgram'> {
  return 'url' in registerPlace(choice) ? { program: THREADS.program } : THREADS
}

async function renewalTerms(flags: ServeDevicesFlags, io: Io, machine: Machine): Promise<RenewalTerms> {
  const { line = null, clientCa = [], clientMap, overlap, renewExpired = 0, renewFrom = 0, adopt = false } = flags
  if (clientMap !== undefined && clientCa.length === 0)
    throw new FpkiError('ERR_USAGE', '--client-map needs --client-ca.', 'Pass the CA of the client certificates too.')
  const note = (text: string) => progressOn(io, flags).note(text)
  const clientCas = await readClientCas(
    clientCa.map((file) => filePath(file, io)),
    machine,
  )
  const map =
    clientMap === undefined
      ? null
      : await readClientMap(filePath(clientMap, io), { ...deviceFiles(machine), note, signal: io.signal })
  return {
    ...{ line, renewExpired, renewFrom, adopt, clientCas, clientMap: map },
    overlap: overlap === undefined ? DEFAULT_OVERLAP : overlap * 1000,
  }
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

function asText({ url, est, ocsp, directory, status, trust }: ServeDevicesResult): string {
  const trusted = trust === null ? [] : [`Devices must trust ${trust.path}`, `  SHA-256 ${trust.sha256}`]
  return [
    ...(url === null ? [] : [`Registering devices at ${url}, in ${directory}`]),
    ...(est === null ? [] : [`Renewing certificates at ${est}/.well-known/est, in ${directory}`]),
    ...(ocsp === null ? [] : [`Answering OCSP requests at ${ocsp}, for ${directory}`]),
    ...(status === null ? [] : [`Status at ${status}`]),
    ...trusted,
    ...(url === null ? [] : [`For devices: DEVICE_API=${url}/sign`]),
  ]
    .map((text) => `${printable(text)}\n`)
    .join('')
}
