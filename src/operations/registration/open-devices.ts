import type { Line } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import { type Closers, closeAll } from '../closers.js'
import { requireCurrentRegister } from '../devices/issue/require-current.js'
import { openExistingRegister, ownerOf, registerPlace } from '../devices/open-register.js'
import { recordRegisterHead, type UsedRegister } from '../devices/record-head.js'
import { type OpenPki, openPki } from '../open-pki.js'
import { type Issuers, openIssuers } from './issuers.js'
import type { IssuingRegister } from './issuing-thread/calls.js'
import type { DeviceServiceOptions, DeviceServicePorts } from './options.js'

/** What the services for devices of a PKI directory or kit share. */
export interface OpenDevices {
  readonly pki: OpenPki
  readonly register: IssuingRegister
  /** The device CAs of the lines that were wanted. */
  readonly issuers: Issuers
  /** Records in the audit log how many certificates the register has, and releases everything. */
  close(text: string): Promise<void>
}

/**
 * Opens the register, and the keys of the device CAs of the lines that `wanted` resolves to. Passphrases and PINs are asked for
 * now.
 *
 * @param wanted gets null when there is no register: it throws then. Called before any key is opened
 * @param started what the audit log says of the start
 * @throws FpkiError what `wanted` throws; ERR_BAD_FILE when certificates are missing in the register; as openPki, openRegister,
 *   findDeviceIssuer and openBatchKey
 */
export async function openDevices(
  { options, started }: { readonly options: DeviceServiceOptions; readonly started: string },
  wanted: (register: IssuingRegister | null, pki: OpenPki) => Promise<readonly Line[]>,
  ports: DeviceServicePorts,
): Promise<OpenDevices> {
  const closers: Closers = []
  try {
    const pki = await openPki(ports.files, options.directory, options.factory)
    const register = await openRegister(options, ports)
    closers.push(async () => register?.close())
    await requireCurrentRegister(pki.directory, register, options)
    const lines = await wanted(register, pki)
    if (register === null) throw new Error('there are lines without a register')
    const issuers = await openIssuers(pki, lines, options, { ...ports, register })
    closers.push(issuers.close)
    const head = headRecorder(pki, { register, store: options.store }, ports)
    await head(started)
    const close = async (text: string) => {
      try {
        await head(text)
      } finally {
        await closeAll(closers)
      }
    }
    return { pki, register, issuers, close }
  } catch (error) {
    // The first error is the cause.
    await closeAll(closers).catch(() => undefined)
    throw error
  }
}

/** null when its file does not exist. A database server is waited for without a thread. */
async function openRegister(options: DeviceServiceOptions, ports: DeviceServicePorts): Promise<IssuingRegister | null> {
  const place = registerPlace(options)
  if ('url' in place || ports.openRegister === undefined) return openExistingRegister(options, ports)
  if ((await ports.files.kindOf(place.path)) === null) return null
  return ports.openRegister({ ...place, ...(await ownerOf(options, ports)), create: true })
}

/** A failure is a warning: what was issued is recorded. */
function headRecorder({ directory }: OpenPki, used: UsedRegister, { clock, who, progress }: DeviceServicePorts) {
  return async (text: string) => {
    try {
      await recordRegisterHead(directory, 'devices serve', { clock, who }, used, text)
    } catch (error) {
      if (!(error instanceof FpkiError)) throw error
      progress.warn(`The device register is not in the audit log: ${error.message}`)
    }
  }
}
