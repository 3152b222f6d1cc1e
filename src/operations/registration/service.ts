import type { Refusal } from '../../devices/refusal.js'
import { DEFAULT_LINE } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import type { Clock } from '../../ports.js'
import type { IssuedDevice } from '../devices/model.js'
import type { SotaServers } from '../devices/output/sota-servers.js'
import { answerFiles, tomlFor } from './answer-files.js'
import { type Apart, apart } from './apart.js'
import type { Availability } from './availability.js'
import type { Credentials } from './credentials.js'
import { type Batches, inBatches } from './in-batches.js'
import type { Issuers, LineIssuer } from './issuers.js'
import type { IssuingRegister } from './issuing-thread/calls.js'
import type { RegistrationOutcome, RegistrationService } from './model.js'
import type { RegistrationCloud, RegistrationOptions } from './options.js'
import { type Registered, type RegistrationOrder, registerDevices } from './register-devices.js'
import { remembered } from './remembered.js'
import { commitsOf, LINES } from './service-limits.js'

/** What the service was opened with. */
export interface ServiceOptions extends Pick<RegistrationOptions, 'directory' | 'line' | 'cloud' | 'days'> {
  readonly factory: string
  readonly servers: SotaServers
}

/** What the service uses. */
export interface ServicePorts {
  readonly clock: Clock
  readonly register: IssuingRegister
  readonly issuers: Issuers
  readonly credentials: Credentials
  readonly availability: Availability
  /** null: the mode is `off`. */
  readonly cloud: RegistrationCloud | null
  /** Releases everything; `issued` is how many devices the service has issued. */
  close(issued: number): Promise<void>
}

/** The registration service, with everything open. */
export function registrationService(options: ServiceOptions, ports: ServicePorts): RegistrationService {
  const { credentials, availability, register } = ports
  const toml = tomlFor(options.servers)
  const lines = new Map<string, Batches<RegistrationOrder, Apart<Registered>>>()
  const lineNamed = remembered((name: string) => register.lines.get(name), LINES, ports.clock)
  let issued = 0
  let closing: Promise<void> | null = null

  const batchesOf = (line: string) => {
    const cached = lines.get(line)
    if (cached !== undefined) return cached
    const terms = { ...options, announce: options.cloud !== 'off' }
    const together = (orders: readonly RegistrationOrder[]) =>
      availability.watch(() => registerDevices(line, orders, terms, { ...ports, lineNamed }))
    const batches = inBatches((orders: readonly RegistrationOrder[]) => apart(orders, together), commitsOf(register))
    lines.set(line, batches)
    return batches
  }
  const answering = new Set<Promise<RegistrationOutcome>>()
  const answerTo = async (line: string, order: RegistrationOrder, file: string) => {
    const registered = await batchesOf(line).add(order)
    if ('error' in registered) throw registered.error
    if (registered.result.result.kind === 'issued') issued++
    return outcomeOf(registered.result, file, options, ports)
  }
  const close = async () => {
    await Promise.all([...lines.values()].map((batches) => batches.close()))
    // What is committed may still be on its way to the Factory API.
    await Promise.allSettled(answering)
    await ports.close(issued)
  }

  return {
    whyUnavailable: async () =>
      closing === null ? availability.whyUnavailable() : 'the registration service is stopping',
    authenticate: async (proof) => {
      const caller = await credentials.authenticate(proof)
      return caller?.line === DEFAULT_LINE ? null : caller
    },
    register: async (request, { credential, line }) => {
      if (closing !== null) throw stopping()
      if (options.line !== null && line !== options.line) return otherLine(line)
      const file = orRefused(() => toml(request))
      if (typeof file !== 'string') return file
      const answer = answerTo(line, { request, credential }, file)
      answering.add(answer)
      return answer.finally(() => answering.delete(answer))
    },
    state: async () => ({
      lines: await register.lines.list(),
      outbox: options.cloud === 'off' ? null : await register.outbox.state(),
    }),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

function otherLine(line: string): RegistrationOutcome {
  const reason = `the registration service does not register devices of the line ${line}`
  return { kind: 'refused', uuid: null, code: 'credential', reason }
}

/** What is wrong with a request, before anything is signed. */
function orRefused(work: () => string): string | RegistrationOutcome {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    const reason = error.message.replace(/\.$/, '')
    return { kind: 'refused', uuid: null, code: 'input-unreadable', reason }
  }
}

async function outcomeOf(
  { result, issuer }: Registered,
  toml: string,
  options: ServiceOptions,
  { cloud }: ServicePorts,
): Promise<RegistrationOutcome> {
  if (result.kind === 'planned') throw new Error('a registration is not a rehearsal')
  if (result.kind === 'refused') {
    const { kind, uuid, code, reason } = result
    return { kind, uuid, code, reason }
  }
  const { kind, uuid, serial } = result
  if (options.cloud === 'require' && cloud !== null) {
    const announced = await announce(result, issuer, cloud)
    if (announced !== null) return { kind: 'refused', uuid, ...announced }
  } else if (kind === 'issued') cloud?.nudge()
  return { kind, uuid, serial, files: answerFiles(issuer.filesOf(result), toml) }
}

/** Why the Factory API does not take a device; null: it does. Throws ERR_API when it is not available. */
async function announce(
  { uuid, name, group, serial, der }: IssuedDevice,
  { issuer }: LineIssuer,
  cloud: RegistrationCloud,
): Promise<Refusal | null> {
  const announced = await cloud.announce({ action: 'announce', uuid, name, group, serial, der, ca: issuer.fingerprint })
  if (announced.kind === 'delivered') return null
  const reason = `the Factory API does not take the device ${uuid}: ${announced.reason}`
  if (announced.kind === 'conflict') return { code: 'uuid-taken', reason }
  const text = `The Factory API was not informed of the device ${uuid}: ${announced.reason}.`
  throw new FpkiError('ERR_API', text, 'The device has a certificate in the register; it may register again.')
}

function stopping(): FpkiError {
  return new FpkiError('ERR_LOCKED', 'The registration service is stopping.', 'Register the device again later.')
}
