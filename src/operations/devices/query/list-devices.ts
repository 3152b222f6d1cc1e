import * as z from 'zod/mini'
import { IN_USE } from '../../../devices/register.js'
import { jsonDocument } from '../../../json-document.js'
import type { RegisterChoice } from '../open-register.js'
import { type DeviceFactsDocument, describeDevice, deviceFacts } from './device-facts.js'
import { type DeviceSelection, filterOf, openToRead, type QueryPorts, readRegister } from './read-register.js'

/** What `fpki devices list --json` prints. */
export const listDevicesResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** In the order of their UUIDs. */
  devices: z.array(deviceFacts),
})

/** See {@link listDevicesResult}. */
export type ListDevicesResult = z.infer<typeof listDevicesResult>

/**
 * The selected devices of a register, in the order of their UUIDs. They are read in pages, so that a million devices are never
 * in memory. Nothing is changed.
 *
 * @throws FpkiError ERR_NOT_A_DIRECTORY, ERR_NOT_INITIALIZED without a register, ERR_LINE when there is no such line;
 *   ERR_USAGE, ERR_BAD_FILE, ERR_BAD_CERTIFICATE for the CA
 */
export async function* listDevices(
  options: RegisterChoice & DeviceSelection,
  ports: QueryPorts,
): AsyncGenerator<DeviceFactsDocument> {
  const open = await openToRead(options, ports)
  try {
    const filter = await filterOf(open, options, ports.clock())
    for await (const device of open.register.devices(filter)) yield describeDevice(device)
  } finally {
    await open.register.close()
  }
}

/** What `fpki devices count --json` prints. */
export const countDevicesResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  devices: z.int(),
  /** Of these, in production. */
  production: z.int(),
  /** Of these, with an active certificate; it may have expired. */
  active: z.int(),
})

/** See {@link countDevicesResult}. */
export type CountDevicesResult = z.infer<typeof countDevicesResult>

/** Counts the selected devices of a register. Nothing is changed. Throws as {@link listDevices}. */
export function countDevices(
  options: RegisterChoice & DeviceSelection,
  ports: QueryPorts,
): Promise<CountDevicesResult> {
  return readRegister(options, ports, async (open) => {
    const filter = await filterOf(open, options, ports.clock())
    const { devices, production } = await open.register.count(filter)
    const { state } = options
    const inUse = state === undefined ? await open.register.count({ ...filter, state: IN_USE }) : null
    const active = inUse?.devices ?? (state !== undefined && IN_USE.includes(state) ? devices : 0)
    return { directory: open.directory.path, devices, production, active }
  })
}
