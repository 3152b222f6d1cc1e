import { namedFactory } from '../../../config/settings.js'
import { thisMachine } from '../../../machine/index.js'
import {
  type ChangeLineResult,
  changeLine as change,
  createLine as create,
  setLineState,
} from '../../../operations/devices/lines/change-lines.js'
import type { LineOptions } from '../../../operations/devices/lines/line-settings.js'
import { readTime } from '../../../operations/read-time.js'
import { type ConfirmFlags, confirm } from '../../confirm.js'
import { resolved } from '../../directory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `lines create` and `lines change`. */
export interface LineFlags extends CommonFlags {
  readonly ca?: string
  readonly quota?: number | 'none'
  readonly perDay?: number | 'none'
  readonly from?: string
  readonly until?: string
  readonly hardwareId?: readonly string[]
  readonly production?: boolean
  readonly group?: string
  /** In seconds. */
  readonly reissueWindow?: number
  readonly store?: string
}

/** `fpki lines create <directory> <name>` */
export async function createLine(directory: string, name: string, flags: LineFlags, io: Io): Promise<void> {
  const options = { ...choiceOf(directory, name, flags, io), ...optionsOf(flags) }
  report(await create(options, thisMachine(io.machine)), 'Created', flags, io)
}

/** `fpki lines change <directory> <name>` */
export async function changeLine(directory: string, name: string, flags: LineFlags, io: Io): Promise<void> {
  const options = { ...choiceOf(directory, name, flags, io), ...optionsOf(flags) }
  report(await change(options, thisMachine(io.machine)), 'Changed', flags, io)
}

const STATES = { pause: 'paused', resume: 'open', close: 'closed' } as const
const DONE = { pause: 'Paused', resume: 'Resumed', close: 'Closed' } as const

/** `fpki lines pause <directory> <name>`, and resume and close */
export async function setState(
  action: keyof typeof STATES,
  directory: string,
  name: string,
  flags: ConfirmFlags & CommonFlags & { readonly store?: string },
  io: Io,
): Promise<void> {
  const question = {
    summary: [],
    dangers: [`The line ${name} will never issue again, and cannot be opened again.`],
    question: 'Close it?',
    ask: 'always' as const,
  }
  const options = { ...choiceOf(directory, name, flags, io), state: STATES[action] }
  const ports = { ...thisMachine(io.machine), confirm: () => confirm(question, flags, io) }
  report(await setLineState(options, ports), DONE[action], flags, io)
}

function choiceOf(directory: string, name: string, flags: CommonFlags & { readonly store?: string }, io: Io) {
  return { directory: resolved(directory, io), store: storeOf(flags, io), factory: namedFactory(flags, io.env), name }
}

function optionsOf({
  ca,
  quota,
  perDay,
  from,
  until,
  hardwareId,
  production,
  group,
  ...flags
}: LineFlags): LineOptions {
  const ids = hardwareId?.flatMap((word) => word.split(',')).map((word) => word.trim())
  return {
    ...{
      ca: orNone(ca),
      quota: orNone(quota),
      perDay: orNone(perDay),
      from: timeOf(from, 'from'),
      until: timeOf(until, 'until'),
    },
    ...{ hardwareIds: ids?.join() === 'none' ? null : ids, production, group: orNone(group) },
    reissueWindowSeconds: flags.reissueWindow,
  }
}

function timeOf(word: string | undefined, option: 'from' | 'until'): Date | null | undefined {
  if (word === 'none') return null
  return word === undefined ? undefined : readTime(word, option)
}

/** null: no limit; undefined: as it was. */
function orNone<Value>(value: Value | 'none' | undefined): Value | null | undefined {
  return value === 'none' ? null : value
}

function report(changed: ChangeLineResult, done: string, flags: CommonFlags, io: Io): void {
  const { name, state } = changed.line
  const text = changed.changed
    ? `${done} the line ${name}.`
    : `Nothing was changed: the line ${name} (${state}) is like that already.`
  if (flags.json) printJson(io, changed)
  else progressOn(io, flags).note(text)
}
