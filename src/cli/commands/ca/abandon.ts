import { openWork } from '../../../journal/unfinished.js'
import { thisMachine } from '../../../machine/index.js'
import { type AbandonWorkResult, abandonWork } from '../../../operations/resume/abandon.js'
import { type ConfirmFlags, confirm } from '../../confirm.js'
import { resolved } from '../../directory.js'
import { factoryApiFor } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, progressOn } from '../../output.js'
import { withRecorded } from '../../recorded.js'

/** The flags of `ca abandon`. */
export interface AbandonFlags extends CommonFlags, ConfirmFlags {}

/** `fpki ca abandon <directory>` */
export async function abandonDirectory(directory: string, flags: AbandonFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  const machine = thisMachine(io.machine)
  const progress = progressOn(io, flags)
  const open = await openWork(machine.files, path)
  const recorded = open === null ? flags : await withRecorded(flags, open, io)
  const abandoned = await abandonWork(
    { directory: path },
    {
      ...machine,
      progress,
      signal: io.signal,
      api: async () => (await factoryApiFor(recorded, io, machine, { changes: true })).api,
      confirm: (plan) => confirm(questionOf(plan), flags, io),
    },
  )
  if (flags.json) return printJson(io, abandoned)
  if (abandoned.command === null) progress.note(`nothing is open in ${path}.`)
  else if (!flags.quiet) io.stdout(summary(abandoned))
}

function questionOf(plan: AbandonWorkResult) {
  const dangers = [`The \`${plan.command}\` that began at ${plan.startedAt} is given up, and cannot be gone on with.`]
  return { summary: leftBy(plan), dangers, question: 'Give it up?', ask: 'always' as const }
}

function leftBy({ folder, files, inToken, inApi }: AbandonWorkResult): readonly string[] {
  const made = files.length === 0 ? 'It had made no files.' : `What it had made goes to ${folder}: ${files.join(', ')}.`
  return [made, ...inToken, ...inApi]
}

function summary({ command, directory, folder, files, inToken, inApi }: AbandonWorkResult): string {
  const lines = [
    `Given up: the \`${command}\` in ${directory}. No key was deleted.`,
    `  in ${folder}: ${files.join(', ') || 'its journal, and nothing else'}`,
    ...[...inToken, ...inApi].map((text) => `  ${text}`),
  ]
  return `${lines.map(printable).join('\n')}\n`
}
