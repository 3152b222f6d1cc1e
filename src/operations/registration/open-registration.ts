import { FpkiError } from '../../errors.js'
import { type Closers, closeAll } from '../closers.js'
import { requireCurrentRegister } from '../devices/issue/require-current.js'
import { openExistingRegister, ownerOf, registerPlace } from '../devices/open-register.js'
import { recordRegisterHead, type UsedRegister } from '../devices/record-head.js'
import { type OpenPki, openPki } from '../open-pki.js'
import { availability } from './availability.js'
import { credentialsIn } from './credentials.js'
import { openIssuers, serversOf } from './issuers.js'
import type { IssuingRegister } from './issuing-thread/calls.js'
import type { RegistrationService } from './model.js'
import type { RegistrationOptions, RegistrationPorts } from './options.js'
import { askingOnce } from './remembered-secrets.js'
import { linesWithCredentials } from './require-credentials.js'
import { registrationService } from './service.js'

export type { RegistrationCloud, RegistrationOptions, RegistrationPorts } from './options.js'

/**
 * Opens the registration service of a PKI directory or kit: the register, and the keys of the device CAs of all lines that have
 * a token or a station. Passphrases and PINs are asked for now.
 *
 * @throws FpkiError ERR_LINE when no line has a valid token or station; ERR_USAGE for a server that is unknown or invalid, and
 *   when a Factory API is to be informed and none is chosen; ERR_BAD_FILE when certificates are missing in the register; as openPki,
 *   openRegister, findDeviceIssuer and openBatchKey
 */
export async function openRegistration(
  options: RegistrationOptions,
  ports: RegistrationPorts,
): Promise<RegistrationService> {
  const closers: Closers = []
  try {
    return await openAll(options, ports, closers)
  } catch (error) {
    // The first error is the cause.
    await closeAll(closers).catch(() => undefined)
    throw error
  }
}

async function openAll(
  options: RegistrationOptions,
  ports: RegistrationPorts,
  closers: Closers,
): Promise<RegistrationService> {
  const { clock, progress, openCloud } = ports
  if (options.cloud !== 'off' && openCloud === undefined) throw noApi()
  const pki = await openPki(ports.files, options.directory, options.factory)
  const servers = await serversOf(pki, options)
  const register = await openRegister(options, ports)
  closers.push(async () => register?.close())
  await requireCurrentRegister(pki.directory, register, options)
  const lines = await linesWithCredentials(register, options, clock())
  if (register === null) throw new Error('there are lines without a register')
  const access = ports.access === undefined ? {} : { access: askingOnce(ports.access) }
  const issuers = await openIssuers(pki, lines, options, { ...ports, ...access, register })
  closers.push(issuers.close)
  const cloud = options.cloud === 'off' ? null : (openCloud?.(register.outbox) ?? null)
  closers.push(async () => cloud?.stop())
  const head = headRecorder(pki, { register, store: options.store }, ports)
  await head('the registration service starts')
  return registrationService(
    { ...options, factory: pki.factory, servers },
    {
      ...{ clock, register, issuers, cloud },
      credentials: credentialsIn(register.credentials, clock),
      availability: availability(options.line, { register, issuers, clock, progress }),
      close: async (issued) => {
        try {
          await head(`${issued} devices issued by the registration service`)
        } finally {
          await closeAll(closers)
        }
      },
    },
  )
}

/** null when its file does not exist. A database server is waited for without a thread. */
async function openRegister(options: RegistrationOptions, ports: RegistrationPorts): Promise<IssuingRegister | null> {
  const place = registerPlace(options)
  if ('url' in place || ports.openRegister === undefined) return openExistingRegister(options, ports)
  if ((await ports.files.kindOf(place.path)) === null) return null
  return ports.openRegister({ ...place, ...(await ownerOf(options, ports)), create: true })
}

/** Records in the audit log how many certificates the register has. A failure is a warning: what was issued is recorded. */
function headRecorder({ directory }: OpenPki, used: UsedRegister, { clock, who, progress }: RegistrationPorts) {
  return async (text: string) => {
    try {
      await recordRegisterHead(directory, 'devices serve', { clock, who }, used, text)
    } catch (error) {
      if (!(error instanceof FpkiError)) throw error
      progress.warn(`The device register is not in the audit log: ${error.message}`)
    }
  }
}

function noApi(): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    'The Factory API is to be informed of the devices, but none is chosen.',
    'Choose a Factory API, or do not inform any.',
    { option: 'api' },
  )
}
