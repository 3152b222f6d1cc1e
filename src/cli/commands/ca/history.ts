import { thisMachine } from '../../../machine/index.js'
import { type DiffSnapshotsResult, diffSnapshots } from '../../../operations/history/diff-snapshots.js'
import { showHistory } from '../../../operations/history/show-history.js'
import { resolved } from '../../directory.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn, style } from '../../output.js'

/** `fpki ca history <directory>` */
export async function history(directory: string, flags: CommonFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  await warnOfForeign([path], flags, io)
  const shown = await showHistory({ directory: path }, thisMachine(io.machine))
  if (flags.json) return printJson(io, shown)
  if (shown.snapshots.length === 0) progressOn(io, flags).note('No snapshots yet. The next change creates one.')
  const rows = shown.snapshots.flatMap(({ number, time, command, files, changes }, at) => {
    const what = at === 0 ? [`first snapshot: ${files.join(' ')}`] : changes.length === 0 ? ['no change'] : changes
    return [`${String(number).padStart(5)}  ${time}  ${command}`, ...what.map((one) => `       ${one}`)]
  })
  printText(io, rows.map((row) => `${printable(row)}\n`).join(''))
}

/** `fpki ca diff <directory> <from> [to]` */
export async function diff(directory: string, from: string, to: string, flags: CommonFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  await warnOfForeign([path], flags, io)
  const compared = await diffSnapshots({ directory: path, from, to }, thisMachine(io.machine))
  if (flags.json) return printJson(io, compared)
  if (compared.changes.length === 0)
    progressOn(io, flags).note(`No changes between ${nameOf(compared.from)} and ${nameOf(compared.to)}.`)
  printText(io, compared.changes.flatMap((change) => linesOf(change, io)).join(''))
}

/** A line for the change, and one for each old and new value. */
function linesOf({ text, details }: DiffSnapshotsResult['changes'][number], io: Io): readonly string[] {
  const value = (mark: '-' | '+', name: string, text: string | null) =>
    text === null
      ? []
      : [style(io, mark === '-' ? 'red' : 'green', `  ${mark} ${name.padEnd(11)}  ${printable(text)}`, 'stdout')]
  const values = details.flatMap(({ name, old, new: now }) => [...value('-', name, old), ...value('+', name, now)])
  return [printable(text), ...values].map((line) => `${line}\n`)
}

function nameOf({ number }: DiffSnapshotsResult['from']): string {
  return number === null ? 'now' : `snapshot ${number}`
}
