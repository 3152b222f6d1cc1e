import { slicesOf } from '../../../chunks.js'
import { type DenialReason, ON_HOLD, type Revocation } from '../../../devices/denial.js'
import type { DeviceRegister } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import { directoryWords, type RegisterChoice } from '../open-register.js'

/** What `devices deny` and `devices allow` do with devices; null: their denial ends. */
export type DenialChange = DenialReason | null

/** Whether nothing ends a denial for this reason. */
export function isFinal(reason: DenialChange): boolean {
  return reason !== null && reason !== ON_HOLD
}

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
  const named: Record<Judgement, string[]> = { unknown: [], final: [], changes: [], hardens: [], stays: [] }
  for (const some of slicesOf([...uuids], DEVICES_AT_ONCE)) {
    const found = await register.lookUp(some.map((uuid) => ({ uuid, keyHash: NO_KEY })))
    for (const [at, uuid] of some.entries()) {
      const denied = found[at]?.device?.denied
      named[judge(denied, change)].push(uuid)
    }
  }
  const { unknown, final, changes, hardens, stays } = named
  if (unknown.length > 0) throw unknownDevices(unknown, choice)
  if (final.length > 0) throw deniedForEver(final, await reasonOf(register, final[0] ?? ''))
  return { changing: [...changes, ...hardens], madeFinal: hardens.length, unchanged: stays.length }
}

/** `hardens`: it is on hold, and will be denied for ever. `final`: its denial does not end. */
type Judgement = 'unknown' | 'final' | 'changes' | 'hardens' | 'stays'

/** The first few of a list, and how many there are. */
export function firstOf(words: readonly string[]): string {
  const more = words.length - NAMED
  return `${words.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** The look-up is by UUID alone. */
const NO_KEY = new Uint8Array(32)

/** A device that is denied for ever stays so, for the first reason; to allow it is refused. */
function judge(denied: Revocation | null | undefined, change: DenialChange): Judgement {
  if (denied === undefined) return 'unknown'
  if (denied === null) return change === null ? 'stays' : 'changes'
  if (denied.reason !== ON_HOLD) return change === null ? 'final' : 'stays'
  if (change === null) return 'changes'
  return change === ON_HOLD ? 'stays' : 'hardens'
}

async function reasonOf(register: Pick<DeviceRegister, 'lookUp'>, uuid: string): Promise<string> {
  const [found] = await register.lookUp([{ uuid, keyHash: NO_KEY }])
  return found?.device?.denied?.reason ?? 'unspecified'
}

function unknownDevices(uuids: readonly string[], choice: RegisterChoice): FpkiError {
  const many = uuids.length > 1
  return new FpkiError(
    'ERR_NO_DEVICE',
    many
      ? `${uuids.length} devices are not in the device register: ${firstOf(uuids)}.`
      : `The device register has no device ${firstOf(uuids)}.`,
    `Nothing was changed. Correct or remove ${many ? 'them' : 'it'}; \`fpki devices list ${directoryWords(choice)} --csv\` lists the devices.`,
  )
}

function deniedForEver(uuids: readonly string[], reason: string): FpkiError {
  const which = uuids.length > 1 ? `${uuids.length} devices are` : 'The device is'
  return new FpkiError(
    'ERR_DENIED',
    `${which} denied for ever (${uuids.length > 1 ? 'the first for ' : ''}${reason}): ${firstOf(uuids)}.`,
    `Nothing was changed. Only a denial for ${ON_HOLD} can be ended: ${uuids.length > 1 ? 'remove them from the list' : 'the device must register with another UUID and key'}.`,
  )
}
