import { thisMachine } from '../../../machine/index.js'
import {
  type UpdateDeviceCasResult,
  type UpdatePlan,
  updateDeviceCas,
} from '../../../operations/device-cas/update-device-cas.js'
import { readInputFile } from '../../../storage/input-file.js'
import { type ConfirmFlags, confirm, type Question } from '../../confirm.js'
import { factoryApiFor } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

/** The flags of `ca update`. */
export interface UpdateFlags extends CommonFlags, ConfirmFlags {}

/** Enough for thousands of device CAs. */
const MAX_BYTES = 4 * 1024 * 1024

/** `fpki ca update <ca-crts file>` */
export async function update(file: string, flags: UpdateFlags, io: Io): Promise<void> {
  const machine = thisMachine(io.machine)
  const text = (await readInputFile(file, MAX_BYTES, io.stdin)).toString('latin1')
  const { factory, api } = await factoryApiFor(flags, io, machine, { changes: true })
  const what = file === '-' ? 'stdin' : file
  const ask = (plan: UpdatePlan) => confirm(questionOf(plan), flags, io)
  const updated = await updateDeviceCas({ factory, text, what }, { ...machine, api, confirm: ask })
  if (flags.json) return printJson(io, updated)
  if (!updated.changed)
    progressOn(io, flags).note('The Factory API already has exactly these device CAs. Nothing was changed.')
  else if (!flags.quiet) printText(io, summary(updated))
}

function questionOf({ added, removed, kept, dangers }: UpdatePlan): Question {
  const line = (what: string) => (ca: UpdatePlan['added'][number]) => `${what} ${ca.subject}, serial ${ca.serialHex}`
  const summary = [...added.map(line('add')), ...removed.map(line('remove')), ...kept.map(line('keep'))]
  return { summary, dangers, question: 'Replace the list of device CAs?', ask: 'always' }
}

function summary({ factory, added, removed, kept }: UpdateDeviceCasResult): string {
  const count = added.length + kept.length
  const text = `The factory ${factory} now has ${count} device CA${count === 1 ? '' : 's'}: ${added.length} added, ${removed.length} removed`
  return `${printable(text)}\n`
}
