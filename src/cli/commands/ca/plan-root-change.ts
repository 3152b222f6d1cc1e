import { namedFactory } from '../../../config/settings.js'
import { counted } from '../../../counted.js'
import { dateOf } from '../../../day.js'
import { thisMachine } from '../../../machine/index.js'
import { readTime } from '../../../operations/read-time.js'
import { type PlanRootChangeResult, planRootChange } from '../../../operations/root-change/plan-root-change.js'
import { resolved } from '../../directory.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `ca plan-root-change`. */
export interface PlanRootChangeFlags extends CommonFlags {
  readonly start?: string
  readonly store?: string
  readonly rollout: number
  readonly renewal: number
}

/** `fpki ca plan-root-change <directory>` */
export async function planChange(directory: string, flags: PlanRootChangeFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  await warnOfForeign([path], flags, io)
  const plan = await planRootChange(
    {
      directory: path,
      factory: namedFactory(flags, io.env),
      store: storeOf(flags, io),
      start: flags.start === undefined ? null : readTime(flags.start, 'start'),
      rolloutDays: flags.rollout,
      renewalDays: flags.renewal,
    },
    thisMachine(io.machine),
  )
  if (flags.json) printJson(io, plan)
  else printText(io, asText(plan))
}

function asText(plan: PlanRootChangeResult): string {
  const { notice, factory, directory, root, devices, latestStart, late, steps, endingBefore } = plan
  const lines = [
    `Note: ${notice}`,
    '',
    `Root change of the factory ${factory}, ${directory}`,
    `  root valid until ${dateOf(root.notAfter)}; ${devices === null ? 'no device register' : `${counted(devices, 'device')} in the device register`}`,
    late
      ? `  TOO LATE: to be complete before the root ends, it had to start by ${dateOf(latestStart)}; renew the root first`
      : `  the change must start by ${dateOf(latestStart)} to be complete before the root ends`,
    ...steps.flatMap(({ kind, from, until, what, commands }, at) => [
      '',
      `${at + 1}. ${from === until ? dateOf(from) : `${dateOf(from)} to ${dateOf(until)}`}: ${kind}`,
      `   ${what}`,
      ...commands.map((command) => `     ${command}`),
    ]),
    ...(endingBefore.length === 0 ? [] : ['', 'These certificates end before that:']),
    ...endingBefore.map(({ file, notAfter, hint }) => `  ${file}, ${dateOf(notAfter)}. ${hint}`),
  ]
  return `${lines.map(printable).join('\n')}\n`
}
