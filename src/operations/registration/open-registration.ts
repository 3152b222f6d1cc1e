import { counted } from '../../counted.js'
import type { Line } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import type { OpenPki } from '../open-pki.js'
import { availability } from './availability.js'
import { credentialsIn } from './credentials.js'
import { serversOf } from './issuers.js'
import type { ServiceRegister } from './issuing-thread/calls.js'
import type { RegistrationService } from './model.js'
import { type OpenDevices, openDevices } from './open-devices.js'
import type { RegistrationOptions, RegistrationPorts } from './options.js'
import { withAccessAskingOnce } from './remembered-secrets.js'
import { linesWithCredentials } from './require-credentials.js'
import { registrationService } from './service.js'

export type { RegistrationCloud, RegistrationOptions, RegistrationPorts } from './options.js'

/**
 * Opens the registration service of a PKI directory or kit: the register, and the keys of the device CAs of all lines that have
 * a token or a station. Passphrases and PINs are asked for now.
 *
 * @throws FpkiError ERR_LINE when no line has a valid token or station; ERR_USAGE for a server that is unknown or invalid, and
 *   when a Factory API is to be informed and none is chosen; and as openDevices
 */
export async function openRegistration(
  options: RegistrationOptions,
  ports: RegistrationPorts,
): Promise<RegistrationService> {
  requireCloud(options, ports)
  const wanted = { options, started: 'the registration service starts' }
  const opened = await openDevices(wanted, linesOf(options, ports), withAccessAskingOnce(ports))
  try {
    return await registrationOn(opened, options, ports, (issued) =>
      opened.close(`${counted(issued, 'device')} issued by the registration service`),
    )
  } catch (error) {
    await opened.close('the registration service could not start').catch(() => undefined)
    throw error
  }
}

/** The lines that register devices; throws because of the servers first. */
export function linesOf(options: RegistrationOptions, { clock }: RegistrationPorts) {
  return async (register: ServiceRegister | null, pki: OpenPki): Promise<readonly Line[]> => {
    await serversOf(pki, options)
    return linesWithCredentials(register, options, clock())
  }
}

/**
 * The registration service on what is open. Throws ERR_USAGE for a server that is unknown or invalid.
 *
 * @param close called once, when everything that was accepted is done, with the number of devices that the service has issued
 */
export async function registrationOn(
  { pki, register, issuers }: Pick<OpenDevices, 'pki' | 'register' | 'issuers'>,
  options: RegistrationOptions,
  { clock, progress, openCloud }: RegistrationPorts,
  close: (issued: number) => Promise<void>,
): Promise<RegistrationService> {
  const servers = await serversOf(pki, options)
  const cloud = options.cloud === 'off' ? null : (openCloud?.(register.outbox) ?? null)
  return registrationService(
    { ...options, factory: pki.factory, servers },
    {
      ...{ clock, register, issuers, cloud },
      credentials: credentialsIn(register.credentials, clock),
      availability: availability(options.line, { register, issuers, clock, progress }),
      close: async (issued) => {
        try {
          await cloud?.stop()
        } finally {
          await close(issued)
        }
      },
    },
  )
}

/** Throws ERR_USAGE when a Factory API is to be informed of devices, and none is chosen. */
export function requireCloud(
  { cloud }: Pick<RegistrationOptions, 'cloud'>,
  { openCloud }: Pick<RegistrationPorts, 'openCloud'>,
): void {
  if (cloud === 'off' || openCloud !== undefined) return
  throw new FpkiError(
    'ERR_USAGE',
    'The Factory API is to be informed of the devices, but none is chosen.',
    'Choose a Factory API, or do not inform any.',
    { option: 'api' },
  )
}
