import { openWork } from '../../../journal/unfinished.js'
import { thisMachine } from '../../../machine/index.js'
import { type AbandonWorkResult, abandonWork } from '../../../operations/resume/abandon.js'
import { type ConfirmFlags, confirm } from '../../confirm.js'
import { resolved } from '../../directory.js'
import { factoryApiFor } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'
import { withRecorded } from '../../recorded.js'

/** The flags of `ca abandon`. */
export interface AbandonFlags extends CommonFlags, ConfirmFlags {}

/** `fpki ca abandon <directory>` */
export async function abandonDirectory(directory: string, flags: AbandonFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  const machine = thisMachine(io.machine)
  const progress = progressOn(io, flags)
  const interrupted = await openWork({ directory: path }, machine)
  const recorded = interrupted === null ? flags : await withRecorded(flags, interrupted, io)
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
  if (abandoned.command === null) progress.note(`Nothing to abandon in ${path}.`)
  else if (!flags.quiet) printText(io, summary(abandoned))
}

function questionOf(plan: AbandonWorkResult) {
  const dangers = [`The \`${plan.command}\` started at ${plan.startedAt} will be discarded and cannot be resumed.`]
  return { summary: remainsOf(plan), dangers, question: 'Discard it?', ask: 'always' as const }
}

function remainsOf({ folder, files, inToken, inApi }: AbandonWorkResult): readonly string[] {
  const moved =
    files.length === 0 ? 'It created no files.' : `Its files will be moved to ${folder}: ${files.join(', ')}`
  return [moved, ...inToken, ...inApi]
}

function summary({ command, directory, folder, files, inToken, inApi }: AbandonWorkResult): string {
  const lines = [
    `Discarded the interrupted \`${command}\` in ${directory}. No key was deleted.`,
    `  Moved to ${folder}: ${files.join(', ') || 'only its journal'}`,
    ...[...inToken, ...inApi].map((text) => `  ${text}`),
  ]
  return `${lines.map(printable).join('\n')}\n`
}
