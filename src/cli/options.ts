import { type Command, InvalidArgumentError, Option } from 'commander'
import type { SettingsFlags } from '../config/settings.js'
import { flagWords, optionsOf, readLine, takesValue } from './line.js'
import type { OutputFlags } from './output.js'

/** The flags that every command has. */
export type CommonFlags = SettingsFlags & OutputFlags

/** Adds them to the program; commander takes them before a command and behind it. */
export function addCommonOptions(program: Command): void {
  program
    .option('-f, --factory <name>', 'the factory (FPKI_FACTORY, FIOCTL_FACTORY)')
    .option('-t, --token <token>', 'for the Factory API over HTTP; others can see it')
    .option('-c, --config <file>', "fioctl's configuration (FIOCTL_CONFIG)")
    .option('--api <which>', 'embedded, foundries or https://… (FPKI_API)')
    .option('--json', 'print one JSON document on stdout')
    .option('-q, --quiet', 'print warnings and errors only')
    .option('-v, --verbose', 'print more about errors')
  // Seldom said on the command line; `fpki config --help` names them.
  for (const flags of ['--state-dir <directory>', '--cacert <file>', '--timeout <seconds>']) {
    program.addOption(new Option(flags).hideHelp())
  }
}

/**
 * Turns `--flag=true`, `--flag=false` and `--no-flag` into what the command on the line knows: `--flag`, a `--no-flag`
 * of its own, or nothing where that is the default. The last one counts. fioctl's users write them so.
 */
export function normalizeBooleans(argv: readonly string[], program: Command): readonly string[] {
  const { command } = readLine(argv, program)
  const longs = new Set(optionsOf(command).flatMap((option) => (takesValue(option) ? [] : [option.long ?? ''])))
  const said = flagWords(argv, program).map((isFlag, at) => (isFlag ? readBoolean(argv[at] ?? '', longs) : null))
  return argv.flatMap((word, at) => {
    const one = said[at] ?? null
    if (one === null) return [word]
    const negated = one.flag.replace('--', '--no-')
    if (longs.has(negated)) return [one.isOn ? one.flag : negated]
    const isTakenBack = said.slice(at).some((later) => later?.flag === one.flag && !later.isOn)
    return isTakenBack ? [] : [one.flag]
  })
}

/** A flag without a value in any of its spellings; null when `word` is none. */
function readBoolean(
  word: string,
  longs: ReadonlySet<string>,
): { readonly flag: string; readonly isOn: boolean } | null {
  const [, no, name, value = 'true'] = /^--(no-)?([a-z-]+)(?:=(.*))?$/.exec(word) ?? []
  const flag = `--${name}`
  if (!longs.has(flag) || !/^(true|t|1|false|f|0)$/i.test(value)) return null
  return { flag, isOn: /^(true|t|1)$/i.test(value) !== (no !== undefined) }
}

/** Adds the flag of the commands that look at how long certificates hold; 60 days is its default. */
export function withWarnDays(command: Command): Command {
  return command.option('--warn-days <days>', 'warn so many days before an end', parseDays, 60)
}

/** Adds the flag that says how old a backup may be; without it, any age will do. */
export function withBackupDays(command: Command): Command {
  return command.option('--backup-days <days>', 'warn when the backup is so old, or there is none', parseDays)
}

/** Adds the flag with which a pipeline runs a rotation every day. */
export function withIfExpiring(command: Command): Command {
  return command.option('--if-expiring <days>', 'only when fewer days are left; else exit 0, "not due"', parseDays)
}

function parseDays(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a whole number of days.')
}

/** For a flag that can be given several times. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}
