import { type DenialReason, ON_HOLD } from '../../../devices/denial.js'
import type { DeviceRecord, DeviceRegister } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import { directoryWords, type RegisterChoice } from '../open-register.js'

/** What `devices deny` and `devices allow` do with devices; null: their denial ends. */
export type DenialChange = DenialReason | null

/** What a change does to the devices that it names. */
export interface DenialPlan {
  /** The devices whose denial changes. */
  readonly changing: readonly string[]
  /** Of these, those that are on hold and will be denied for ever. */
  readonly madeFinal: number
  /** The others, which are like that already. */
  readonly unchanged: number
}

/** Devices of one query or transaction: so many that a million are quick, and so few that others need not wait. */
export const DEVICES_AT_ONCE = 500

/** How many devices an error names. */
const NAMED = 5

/**
 * Looks up all devices before anything is changed.
 *
 * @throws FpkiError ERR_NO_DEVICE when the register has not all of them, ERR_DENIED when one that is to be allowed is denied for
 *   ever
 */
export async function planDenial(
  register: Pick<DeviceRegister, 'lookUp'>,
  uuids: ReadonlySet<string>,
  change: DenialChange,
  choice: RegisterChoice,
): Promise<DenialPlan> {
  const unknown: string[] = []
  const final: string[] = []
  const changing: string[] = []
  let madeFinal = 0
  for (const some of slicesOf([...uuids])) {
    const found = await register.lookUp(some.map((uuid) => ({ uuid, keyHash: NO_KEY })))
    for (const [at, uuid] of some.entries()) {
      const device = found[at]?.device ?? null
      if (device === null) unknown.push(uuid)
      else if (change === null && isFinal(device)) final.push(`${uuid} (${device.denied?.reason})`)
      else if (changes(device, change)) {
        changing.push(uuid)
        if (device.denied !== null && change !== null) madeFinal++
      }
    }
  }
  if (unknown.length > 0) throw unknownDevices(unknown, choice)
  if (final.length > 0) throw deniedForEver(final)
  return { changing, madeFinal, unchanged: uuids.size - changing.length }
}

/** A list in parts of {@link DEVICES_AT_ONCE}. */
export function* slicesOf(uuids: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < uuids.length; at += DEVICES_AT_ONCE) yield uuids.slice(at, at + DEVICES_AT_ONCE)
}

/** The first few of a list, and how many there are. */
export function firstOf(words: readonly string[]): string {
  const more = words.length - NAMED
  return `${words.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** The look-up is by UUID alone. */
const NO_KEY = new Uint8Array(32)

function isFinal({ denied }: DeviceRecord): boolean {
  return denied !== null && denied.reason !== ON_HOLD
}

function changes(device: DeviceRecord, change: DenialChange): boolean {
  if (isFinal(device)) return false
  return change === null ? device.denied !== null : device.denied?.reason !== change
}

function unknownDevices(uuids: readonly string[], choice: RegisterChoice): FpkiError {
  const many = uuids.length > 1
  return new FpkiError(
    'ERR_NO_DEVICE',
    `The device register has no ${many ? `such ${uuids.length} devices` : 'such device'}: ${firstOf(uuids)}.`,
    `Nothing was changed. Correct or remove ${many ? 'them' : 'it'}; \`fpki devices list ${directoryWords(choice)} --csv\` lists the devices.`,
  )
}

function deniedForEver(devices: readonly string[]): FpkiError {
  const many = devices.length > 1
  return new FpkiError(
    'ERR_DENIED',
    `${many ? `${devices.length} devices are` : 'The device is'} denied for ever: ${firstOf(devices)}.`,
    `Nothing was changed. Only the reason ${ON_HOLD} ends. Leave ${many ? 'them' : 'it'} out; a device with a new key needs a new UUID.`,
  )
}
