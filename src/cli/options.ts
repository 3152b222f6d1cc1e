import { type Command, Option } from 'commander'
import type { SettingsFlags } from '../config/settings.js'
import type { OutputFlags } from './output.js'

/** The flags that every command has. */
export type CommonFlags = SettingsFlags & OutputFlags

/** Adds them to the program; commander takes them before a command and behind it. */
export function addCommonOptions(program: Command): void {
  program
    .option('-f, --factory <name>', 'the factory (FPKI_FACTORY, FIOCTL_FACTORY)')
    .option('--api <which>', 'embedded, foundries or https://host[:port] (FPKI_API)')
    .option('-t, --token <token>', 'for the Factory API; FPKI_TOKEN is safer')
    .option('-c, --config <file>', "fioctl's configuration (FIOCTL_CONFIG)")
    .option('--json', 'print one JSON document on stdout')
    .option('-q, --quiet', 'print warnings and errors only')
    .option('-v, --verbose', 'print more about errors')
  // Seldom said on the command line; `fpki config --help` names them.
  for (const flags of ['--state-dir <directory>', '--cacert <file>', '--timeout <seconds>']) {
    program.addOption(new Option(flags).hideHelp())
  }
}

/**
 * Turns `--flag=true` and `--flag=false` into `--flag` and `--no-flag` (or nothing, where that is the default), for the
 * flags of `command` and the ones below it that take no value: fioctl's users write them so.
 */
export function normalizeBooleans(argv: readonly string[], program: Command): readonly string[] {
  const options = allOptions(program)
  const known = new Set(options.filter(({ required, optional }) => !required && !optional).map(({ long }) => long))
  const end = argv.indexOf('--')
  return argv.flatMap((word, index) => {
    const match = /^(--[a-z-]+)=(.*)$/.exec(word)
    if (match === null || (end !== -1 && index > end) || !known.has(match[1])) return [word]
    const [, flag = '', value = ''] = match
    if (/^(true|t|1)$/i.test(value)) return [flag]
    if (!/^(false|f|0)$/i.test(value)) return [word]
    const negated = flag.replace('--', '--no-')
    return known.has(negated) ? [negated] : []
  })
}

function allOptions(command: Command): Command['options'] {
  return [...command.options, ...command.commands.flatMap(allOptions)]
}

/** For a flag that can be given several times. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}
