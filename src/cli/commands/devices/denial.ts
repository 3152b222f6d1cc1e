import { namedFactory } from '../../../config/settings.js'
import { counted } from '../../../counted.js'
import { deviceFiles } from '../../../machine/devices.js'
import { thisMachine } from '../../../machine/index.js'
import {
  type ChangeDenialsOptions,
  type ChangeDenialsResult,
  changeDenials,
} from '../../../operations/devices/denial/change-denials.js'
import { type DenialChange, type DenialPlan, isFinal } from '../../../operations/devices/denial/denial-plan.js'
import { shellWord } from '../../../shell-word.js'
import { type ConfirmFlags, confirm } from '../../confirm.js'
import { filePath, resolved } from '../../directory.js'
import { embeddedStateDirectory } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `devices deny` and `devices allow`. */
export interface DenialFlags extends CommonFlags, ConfirmFlags {
  readonly from?: string
  readonly dryRun?: true
  readonly store?: string
}

/** The flags of `devices deny`. */
export interface DenyFlags extends DenialFlags {
  readonly reason: NonNullable<DenialChange>
}

/** `fpki devices deny <directory> [uuid...]` */
export function deny(directory: string, uuids: readonly string[], flags: DenyFlags, io: Io): Promise<void> {
  return change(directory, { uuids, reason: flags.reason }, flags, io)
}

/** `fpki devices allow <directory> [uuid...]` */
export function allow(directory: string, uuids: readonly string[], flags: DenialFlags, io: Io): Promise<void> {
  return change(directory, { uuids, reason: null }, flags, io)
}

async function change(
  directory: string,
  { uuids, reason }: { readonly uuids: readonly string[]; readonly reason: DenialChange },
  flags: DenialFlags,
  io: Io,
): Promise<void> {
  const machine = thisMachine(io.machine)
  const progress = progressOn(io, flags)
  const options: ChangeDenialsOptions = {
    ...{ directory: resolved(directory, io), store: storeOf(flags, io), factory: namedFactory(flags, io.env) },
    ...{ uuids, from: flags.from === undefined ? undefined : sourceOf(flags.from, io) },
    change: reason,
    // As `devices serve` does by default: the embedded API reads the device register.
    announce: (await embeddedStateDirectory(flags, io, machine)) === null,
    dryRun: flags.dryRun === true,
  }
  const input = {
    files: deviceFiles(machine).inputFiles,
    ...{ stdin: io.stdin, isStdinTerminal: io.terminal.stdin === true, progress, signal: io.signal },
  }
  const changed = await changeDenials(options, {
    ...machine,
    input,
    confirm: (plan) => confirm(questionOf(plan, reason), flags, io),
  })
  if (flags.json) printJson(io, changed)
  else for (const line of report(changed, uuids)) progress.note(line)
}

/** null: stdin. */
function sourceOf(from: string, io: Io): string | null {
  return from === '-' ? null : filePath(from, io)
}

/** Only what cannot be undone is asked for. */
function questionOf({ changing }: DenialPlan, reason: DenialChange) {
  const dangers =
    isFinal(reason) && changing.length > 0
      ? [`${counted(changing.length, 'device')} will be denied for ever (${reason}), and cannot be allowed again.`]
      : []
  return { summary: [], dangers, question: changing.length === 1 ? 'Deny it?' : 'Deny them?', ask: 'dangers' as const }
}

function report(result: ChangeDenialsResult, uuids: readonly string[]): readonly string[] {
  const { action, devices, changed, madeFinal, reason, dryRun } = result
  const verb = action === 'deny' ? (dryRun ? 'Would deny' : 'Denied') : dryRun ? 'Would allow' : 'Allowed'
  const how = action === 'deny' ? ` (${reason})` : ''
  const unchanged = devices - changed
  const why = action === 'deny' ? 'denied already' : 'not denied'
  return [
    `${verb} ${counted(changed, 'device')}${how}.`,
    ...(madeFinal > 0 ? [`On hold before, and denied for ever now: ${counted(madeFinal, 'device')}.`] : []),
    ...(unchanged > 0 ? [`Unchanged, because ${why}: ${counted(unchanged, 'device')}.`] : []),
    ...(dryRun || changed === 0 ? [] : nextSteps(result, uuids)),
  ]
}

function nextSteps(
  { action, reason, queued, directory, devices, changed }: ChangeDenialsResult,
  uuids: readonly string[],
): readonly string[] {
  const word = shellWord(directory)
  const [only] = uuids
  const which = only !== undefined && devices === 1 ? only.toLowerCase() : 'UUID'
  const hold = `\`fpki devices allow ${word} ${which}\` ends a hold; \`fpki devices deny ${word} ${which} --reason keyCompromise\` makes it final.`
  const effect = `${action === 'deny' ? 'accept' : 'refuse'} ${changed === 1 ? 'it' : 'them'}`
  return [
    ...(reason !== null && !isFinal(reason) ? [hold] : []),
    `Gateways still ${effect}: give them new lists with \`fpki devices publish ${word} --nginx-map FILE\`.`,
    ...(queued
      ? [`Inform the Factory API: \`fpki devices publish ${word} --foundries\`; a registration service does it, too.`]
      : []),
  ]
}
