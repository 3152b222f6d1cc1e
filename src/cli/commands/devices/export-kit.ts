import { namedFactory } from '../../../config/settings.js'
import { thisMachine } from '../../../machine/index.js'
import { type ExportKitResult, exportKit } from '../../../operations/kit/export-kit.js'
import { shellWord } from '../../../shell-word.js'
import { filePath, resolved } from '../../directory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn, style } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `ca export-kit`. */
export interface ExportKitFlags extends CommonFlags {
  readonly ca: string
  readonly line?: readonly string[]
  readonly moveKey?: true
  readonly store?: string
}

/** `fpki ca export-kit <directory> <kit>` */
export async function exportSiteKit(directory: string, kit: string, flags: ExportKitFlags, io: Io): Promise<void> {
  const result = await exportKit(
    {
      directory: resolved(directory, io),
      factory: namedFactory(flags, io.env),
      kit: filePath(kit, io),
      ca: flags.ca,
      lines: flags.line ?? null,
      moveKey: flags.moveKey === true,
      store: storeOf(flags, io),
    },
    { ...thisMachine(io.machine), progress: progressOn(io, flags) },
  )
  if (flags.json) printJson(io, result)
  else if (!flags.quiet) printText(io, summary(result, io))
}

function summary({ kit, directory, factory, ca, key, keyMoved, lines }: ExportKitResult, io: Io): string {
  const [word, first] = [printable(shellWord(kit)), lines[0]]
  const line = first === undefined ? '' : ` --line ${first.name}`
  const place = key.kind === 'file' ? `${key.name}, ${keyMoved ? 'moved' : 'copied'}` : `in the token ${key.tokenLabel}`
  const texts = [
    style(io, 'bold', `Exported a kit of the factory ${factory} to ${printable(kit)}`, 'stdout'),
    `  Device CA: ${ca.file}; key: ${printable(place)}`,
    ...lines.map(
      ({ name, quota }) => `  Line ${name}: ${quota ?? 'any number of'} devices; now paused in ${printable(directory)}`,
    ),
    ...(first === undefined ? ['  Without lines: its line `default` issues without limits.'] : []),
    ...(keyMoved ? [`  Backups made before still contain ${ca.file.replace(/pem$/, 'key')}.`] : []),
    '',
    style(io, 'bold', 'In the plant:', 'stdout'),
    `  fpki devices issue ${word}${line} --from csrs/ --out devices/`,
    `  fpki devices export ${word} --out issued.jsonl`,
    style(io, 'bold', 'Back at headquarters:', 'stdout'),
    `  fpki devices import ${printable(shellWord(directory))} issued.jsonl`,
    '',
  ]
  return texts.join('\n')
}
