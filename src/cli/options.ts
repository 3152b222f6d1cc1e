import { type Command, InvalidArgumentError, Option } from 'commander'
import type { SettingsFlags } from '../config/settings.js'
import { flagWords, optionsOf, readLine, takesValue } from './line.js'
import type { OutputFlags } from './output.js'

/** The flags that every command has. */
export type CommonFlags = SettingsFlags & OutputFlags

/** Adds the common flags to the program; commander accepts them before and after a command. */
export function addCommonOptions(program: Command): void {
  program
    .option('-f, --factory <name>', 'name of the factory (FPKI_FACTORY, FIOCTL_FACTORY)')
    .option('-t, --token <token>', 'API token; other users can see it (FPKI_TOKEN)')
    .option('-c, --config <file>', 'configuration file of fioctl (FIOCTL_CONFIG)')
    .option('--api <which>', 'Factory API: embedded, foundries or https://… (FPKI_API)')
    .option('--json', 'print one JSON document to stdout')
    .option('-q, --quiet', 'print only warnings and errors')
    .option('-v, --verbose', 'print details of errors')
  // Rarely used on the command line; `fpki config --help` lists them.
  for (const flags of ['--state-dir <directory>', '--cacert <file>', '--timeout <seconds>']) {
    program.addOption(new Option(flags).hideHelp())
  }
}

/**
 * Rewrites `--flag=true`, `--flag=false` and `--no-flag`, which fioctl accepts, to what the command defines: `--flag`,
 * its own `--no-flag`, or nothing where that is the default. The last occurrence wins.
 */
export function normalizeBooleans(argv: readonly string[], program: Command): readonly string[] {
  const { command } = readLine(argv, program)
  const longs = new Set(optionsOf(command).flatMap((option) => (takesValue(option) ? [] : [option.long ?? ''])))
  const booleans = flagWords(argv, program).map((isFlag, at) => (isFlag ? readBoolean(argv[at] ?? '', longs) : null))
  return argv.flatMap((word, at) => {
    const boolean = booleans[at] ?? null
    if (boolean === null) return [word]
    const negated = boolean.flag.replace('--', '--no-')
    if (longs.has(negated)) return [boolean.isOn ? boolean.flag : negated]
    const isOverridden = booleans.slice(at).some((later) => later?.flag === boolean.flag && !later.isOn)
    return isOverridden ? [] : [boolean.flag]
  })
}

/** A boolean flag in any of its spellings; null when `word` is something else. */
function readBoolean(
  word: string,
  longs: ReadonlySet<string>,
): { readonly flag: string; readonly isOn: boolean } | null {
  const [, no, name, value = 'true'] = /^--(no-)?([a-z-]+)(?:=(.*))?$/.exec(word) ?? []
  const flag = `--${name}`
  if (!longs.has(flag) || !/^(true|t|1|false|f|0)$/i.test(value)) return null
  return { flag, isOn: /^(true|t|1)$/i.test(value) !== (no !== undefined) }
}

/** The default of --warn-days, also where there is no such flag. */
export const WARN_DAYS = 60

/** Adds the flag of commands that report how long certificates stay valid. */
export function withWarnDays(command: Command): Command {
  return command.option('--warn-days <days>', 'warn this many days before a certificate expires', parseDays, WARN_DAYS)
}

/** Adds the flag that limits the age of a backup; without it, any age is accepted. */
export function withBackupDays(command: Command): Command {
  return command.option('--backup-days <days>', 'warn if there is no backup newer than this', parseDays)
}

/** Adds the flags of commands that certify the key of a server. */
export function withServerOptions(command: Command, file: string): Command {
  return withTlsName(command, file).option(
    '--if-expiring <days>',
    'do nothing unless fewer days are left; else print "not due"',
    parseDays,
  )
}

/** Adds the flag that names the servers of an embedded factory. */
export function withTlsName(command: Command, file: string): Command {
  return command.option(
    '--tls-name <host>',
    `DNS name or IP address in ${file}, with the embedded Factory API; repeatable`,
    collect,
  )
}

/** Adds the flag for the curve of a new key in an HSM. */
export function withKeyType(command: Command, key: string): Command {
  return command.addOption(new Option('--key-type <curve>', `curve of ${key}`).choices(['P-256', 'P-384']))
}

/** Adds the flag that encrypts new key files. */
export function withEncryptKeys(command: Command): Command {
  return command.option('--encrypt-keys', 'encrypt key files with a passphrase')
}

/** Adds the flag for the passphrase of `what`. */
export function withPassphraseFile(command: Command, what: string): Command {
  return command.option('--passphrase-file <file>', `file with the passphrase of ${what}; - is stdin (FPKI_PASSPHRASE)`)
}

/** Adds the flags that open a backup. */
export function withBackupPassphrases(command: Command): Command {
  return withPassphraseFile(command, 'the backup').option(
    '--key-passphrase-file <file>',
    'file with the passphrase of the root key, if different',
  )
}

/** Adds the flag that answers a confirmation prompt. */
export function withYes(command: Command): Command {
  return command.option('--yes', 'do not ask for confirmation')
}

/** Adds the flag for the device register. */
export function withStore(command: Command): Command {
  return command.option(
    '--store <url>',
    'device register, sqlite:/path or postgres://… (FPKI_STORE); default: devices.sqlite in the directory',
  )
}

/** For a number of days: 90, or 90d. */
export function parseDays(text: string): number {
  const [, days] = /^(\d{1,5})d?$/.exec(text) ?? []
  if (days !== undefined) return Number(days)
  throw new InvalidArgumentError('Expected a whole number of days.')
}

/** For a flag that may be repeated. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}
