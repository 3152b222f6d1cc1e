import { counted } from '../../counted.js'
import type { Line } from '../../devices/register.js'
import type { LifeCounts } from '../../devices/renewal.js'
import { requireCurrentRegister } from '../devices/issue/require-current.js'
import { noRegister, openRegister, registerPlace } from '../devices/open-register.js'
import type { OcspService } from '../ocsp/model.js'
import { type OcspOptions, ocspOn } from '../ocsp/open-ocsp.js'
import { type OpenPki, openPki } from '../open-pki.js'
import type { ServiceRegister } from '../registration/issuing-thread/calls.js'
import { lifeOfDevices } from '../registration/life-of-devices.js'
import type { RegistrationService } from '../registration/model.js'
import { type OpenDevices, openDevices } from '../registration/open-devices.js'
import { linesOf, registrationOn, requireCloud } from '../registration/open-registration.js'
import type { DeviceServiceOptions, RegistrationOptions, RegistrationPorts } from '../registration/options.js'
import { withAccessAskingOnce } from '../registration/remembered-secrets.js'
import type { RenewalService } from '../renewal/model.js'
import { renewalOn, renewedLines } from '../renewal/open-renewal.js'
import type { RenewalTerms } from '../renewal/options.js'

/** Which services for devices are opened. */
export interface DeviceServicesOptions extends DeviceServiceOptions {
  /** null: devices do not register. */
  readonly registration: Pick<RegistrationOptions, 'line' | 'gateway' | 'ostree' | 'cloud'> | null
  /** null: certificates are not renewed. */
  readonly renewal: RenewalTerms | null
  /** null: OCSP requests are not answered. */
  readonly ocsp: Pick<OcspOptions, 'validity'> | null
}

/** Services on one register and the same keys. */
export interface OpenDeviceServices extends Pick<OpenDevices, 'pki' | 'register' | 'issuers'> {
  readonly registration: RegistrationService | null
  readonly renewal: RenewalService | null
  readonly ocsp: OcspService | null
  /** What is going to happen to devices; counted some minutes ago, perhaps. Throws FpkiError when the register is not available. */
  life(): Promise<LifeCounts>
  /** Finishes what the services have accepted, and releases everything. */
  close(): Promise<void>
}

/**
 * Opens services for the devices of a PKI directory or kit: one register, and the keys of the device CAs of all lines that one of
 * the services has something to do for. Passphrases and PINs are asked for now.
 *
 * @throws FpkiError as openRegistration, when devices register; ERR_LINE when there is no such line; as openDevices
 */
export async function openDeviceServices(
  options: DeviceServicesOptions,
  given: RegistrationPorts,
): Promise<OpenDeviceServices> {
  const { renewal, ocsp } = options
  // OCSP opens the keys once more.
  const ports = withAccessAskingOnce(given)
  const registration = options.registration === null ? null : { ...options, ...options.registration }
  if (registration !== null) requireCloud(registration, ports)
  else if (renewal !== null) await makeRegister(options, ports)
  const wanted = async (register: ServiceRegister | null, pki: OpenPki): Promise<readonly Line[]> => {
    const registered = registration === null ? [] : await linesOf(registration, ports)(register, pki)
    const renewed = renewal === null ? [] : await renewedLines(register, renewal, options)
    // OCSP alone needs a register, and no line.
    return register === null ? noRegister(options, ports) : [...registered, ...renewed]
  }
  const opened = await openDevices({ options, started: 'the services for devices start' }, wanted, ports)
  let issued = 0
  const count = async (devices: number) => {
    issued = devices
  }
  const stopped =
    registration === null
      ? () => 'the services for devices stop'
      : () => `${counted(issued, 'device')} issued by the registration service`
  const end = () => opened.close(stopped())
  try {
    const announce = registration !== null && registration.cloud !== 'off'
    const services = {
      ocsp: ocsp === null ? null : await ocspOn(opened, ocsp.validity, ports),
      renewal: renewal === null ? null : renewalOn(opened, { ...options, announce }, renewal, ports),
      // Last, because it begins to inform the Factory API.
      registration: registration === null ? null : await registrationOn(opened, registration, ports, count),
    }
    const close = async () => {
      const all = Object.values(services).filter((service) => service !== null)
      try {
        await Promise.all(all.map((service) => service.close()))
      } finally {
        // What one of them failed in is the cause.
        await Promise.allSettled(all.map((service) => service.close()))
        await end()
      }
    }
    const { pki, register, issuers } = opened
    return { pki, register, issuers, ...services, life: lifeOfDevices(register, ports.clock), close }
  } catch (error) {
    await end().catch(() => undefined)
    throw error
  }
}

/** Devices that are adopted or enroll are the first in a register; without a registration service, nothing else makes it. */
async function makeRegister(options: DeviceServicesOptions, ports: RegistrationPorts): Promise<void> {
  const place = registerPlace(options)
  if ('url' in place || (await ports.files.kindOf(place.path)) !== null) return
  // Nothing is made in what is not a PKI directory, or in the place of a register that is missing.
  const { directory } = await openPki(ports.files, options.directory, options.factory)
  await requireCurrentRegister(directory, null, options)
  await (await openRegister(options, ports)).close()
}
