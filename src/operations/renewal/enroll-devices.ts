import { readUnverifiedCsr } from '../../pki/csr.js'
import { toUuid } from '../../pki/device-policy.js'
import { attributeValues } from '../../pki/name.js'
import { encodePem } from '../../pki/pem.js'
import type { DeviceResult } from '../devices/model.js'
import type { RegistrationRequest } from '../registration/model.js'
import { type RegisterPorts, type RegistrationTerms, registerDevices } from '../registration/register-devices.js'
import { type EstClient, type EstOutcome, refused } from './model.js'

/** A request (DER) of a device that has no certificate of this factory yet. */
export interface EnrollmentOrder {
  readonly request: Uint8Array
  readonly client: Exclude<EstClient, { kind: 'device' }>
}

/**
 * Registers devices of one line that ask by EST. It is the registration of any other device, with the same limits of the line and
 * of the token. Resolves to the outcomes in the order of the orders. Throws as registerDevices.
 */
export async function enrollDevices(
  line: string,
  orders: readonly EnrollmentOrder[],
  terms: RegistrationTerms,
  ports: RegisterPorts,
): Promise<readonly EstOutcome[]> {
  const registrations = orders.map(({ request, client }) => ({
    request: registrationOf(request, client),
    credential: client.kind === 'token' ? client.credential : null,
  }))
  return (await registerDevices(line, registrations, terms, ports)).map(({ result }) => outcomeOf(result))
}

function registrationOf(request: Uint8Array, client: EnrollmentOrder['client']): RegistrationRequest {
  const uuids = client.kind === 'token' ? [client.uuid] : client.uuids
  const [first = null] = uuids
  const uuid = uuids.length < 2 ? first : (uuids.find((one) => one === uuidIn(request)) ?? first)
  return {
    ...{ csr: encodePem('CERTIFICATE REQUEST', request), uuid, name: null, hardwareId: null, group: null },
    ...{ usesOstree: false, configDirectory: '/var/sota', overrides: {} },
  }
}

/** Whom a request is for, of the devices that one certificate names; whether it may be, is decided later. */
function uuidIn(request: Uint8Array): string | null {
  try {
    const [name = ''] = attributeValues(readUnverifiedCsr(request).subject, 'CN')
    return toUuid(name)
  } catch {
    return null
  }
}

function outcomeOf(result: DeviceResult): EstOutcome {
  if (result.kind === 'planned') throw new Error('an enrollment is not a rehearsal')
  if (result.kind === 'refused') return refused(result.uuid, result.code, result.reason)
  const { kind, uuid, serial, der } = result
  return { kind, uuid, serial, der }
}
