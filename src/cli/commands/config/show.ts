import { resolveSettings } from '../../../config/resolve.js'
import { showConfig } from '../../../config/shown.js'
import { thisMachine } from '../../../machine/index.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText } from '../../output.js'

/** `fpki config show` */
export async function configShow(flags: CommonFlags, io: Io): Promise<void> {
  const { files } = thisMachine(io.machine)
  const shown = await showConfig(await resolveSettings(flags, { env: io.env, home: io.home }, files), files)
  if (flags.json) return printJson(io, shown)
  const rows = shown.settings.map(({ name, value, source }) => [
    name,
    String(value ?? 'not set'),
    value === null ? '' : source,
  ])
  const width = (column: number) => Math.max(...rows.map((row) => printable(row[column] ?? '').length)) + 2
  const widths = [width(0), width(1), 0]
  const line = (row: readonly string[]) => row.map((cell, at) => printable(cell).padEnd(widths[at] ?? 0)).join('')
  printText(io, `${rows.map((row) => line(row).trimEnd()).join('\n')}\n`)
}
