import * as z from 'zod/mini'
import { slicesOf } from '../../../chunks.js'
import { DENIAL_REASONS, type DenialReason, ON_HOLD } from '../../../devices/denial.js'
import { FpkiError } from '../../../errors.js'
import { jsonDocument } from '../../../json-document.js'
import { openPki } from '../../open-pki.js'
import type { DeviceInputPorts } from '../input/open.js'
import { changeRegister, type LinePorts, requireToWrite } from '../lines/change-register.js'
import { type RegisterChoice, requireRegister } from '../open-register.js'
import { DEVICES_AT_ONCE, type DenialChange, type DenialPlan, firstOf, planDenial } from './denial-plan.js'
import { type NamedDevices, readNamedDevices } from './named-devices.js'

/** The reasons of `devices deny`, as RFC 5280 names them. */
const REASONS = Object.keys(DENIAL_REASONS) as readonly DenialReason[]

/** What `fpki devices deny --json` and `fpki devices allow --json` print. */
export const changeDenialsResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  action: z.enum(['deny', 'allow']),
  /** As RFC 5280, 5.3.1 names it; null: the denial ended. */
  reason: z.nullable(z.enum(REASONS)),
  /** How many devices were named. */
  devices: z.int(),
  /** Of these, whose denial changed, or would change. */
  changed: z.int(),
  /** Of these, that were on hold and are denied for ever. */
  madeFinal: z.int(),
  /** Whether the change waits for the Factory API. */
  queued: z.boolean(),
  /** Nothing was changed. */
  dryRun: z.boolean(),
})

/** See {@link changeDenialsResult}. */
export type ChangeDenialsResult = z.infer<typeof changeDenialsResult>

/** Options of {@link changeDenials}. */
export interface ChangeDenialsOptions extends RegisterChoice, NamedDevices {
  /** null: the one that the directory records. */
  readonly factory: string | null
  /** null: `devices allow`. */
  readonly change: DenialChange
  /** Whether the Factory API is to be informed. */
  readonly announce: boolean
  readonly dryRun: boolean
}

/** Ports of {@link changeDenials}. */
export interface ChangeDenialsPorts extends LinePorts {
  readonly input: DeviceInputPorts
  /** Called before anything is changed. Throws to refuse. */
  confirm(plan: DenialPlan): Promise<void>
}

/**
 * Denies devices, or ends their denial. All devices are looked up first, so that a typo changes nothing. Recorded in the audit
 * log. After an interruption the same command finishes the rest.
 *
 * @throws FpkiError as readNamedDevices and planDenial; ERR_USAGE for an unknown reason; ERR_NOT_INITIALIZED without a register;
 *   as openPki; what `confirm` throws
 */
export async function changeDenials(
  options: ChangeDenialsOptions,
  ports: ChangeDenialsPorts,
): Promise<ChangeDenialsResult> {
  const { change, announce, dryRun } = options
  if (change !== null && !REASONS.includes(change)) throw unknownReason(change)
  const pki = await openPki(ports.files, options.directory, options.factory)
  const uuids = await readNamedDevices(options, ports.input)
  const plan = await planned(options, uuids, ports)
  const { madeFinal } = plan
  const action = change === null ? 'allow' : 'deny'
  const facts = { directory: pki.directory.path, action, reason: change, devices: uuids.size, dryRun } as const
  if (!dryRun) await ports.confirm(plan)
  if (dryRun || plan.changing.length === 0) return { ...facts, changed: plan.changing.length, madeFinal, queued: false }
  const choice = { ...options, command: `devices ${action}`, open: requireToWrite }
  const changed = await changeRegister(pki, choice, ports, async (register, log) => {
    await log(logText(plan, change))
    const at = ports.clock().getTime()
    let count = 0
    for (const some of slicesOf(plan.changing, DEVICES_AT_ONCE)) {
      ports.input.signal?.throwIfAborted()
      const done =
        change === null
          ? await register.allow(some, { at, announce })
          : await register.deny(some, { reason: change, at, announce })
      count += done.length
    }
    return count
  })
  return { ...facts, changed, madeFinal, queued: announce && changed > 0 }
}

async function planned(options: ChangeDenialsOptions, uuids: ReadonlySet<string>, ports: ChangeDenialsPorts) {
  const register = await requireRegister(options, ports)
  try {
    return await planDenial(register, uuids, options.change, options)
  } finally {
    await register.close()
  }
}

function logText({ changing }: DenialPlan, change: DenialChange): string {
  const devices = `${changing.length === 1 ? 'the device' : `${changing.length} devices:`} ${firstOf(changing)}`
  return change === null ? `Ends the denial of ${devices}` : `Denies ${devices} (${change})`
}

function unknownReason(word: string): FpkiError {
  const hint = `Use one of ${REASONS.join(', ')}. Only ${ON_HOLD} can be ended.`
  return new FpkiError('ERR_USAGE', `Unknown reason ${JSON.stringify(word)}.`, hint)
}
