import { Command, CommanderError } from 'commander'
import { FpkiError, isInterruption } from '../errors.js'
import { VERSION } from '../version.js'
import { readLine } from './line.js'
import { addCommonOptions, normalizeBooleans } from './options.js'
import { columnsOf, type Io, type OutputFlags, printError, printJson, printText, progressOn } from './output.js'
import { type Group, type Section, WORDS } from './words/index.js'
import { joinParagraphs } from './wrap.js'

/** Runs `fpki` with the given arguments, prints any error, and resolves to the exit code of docs/exit-codes.md. Never throws. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const program = buildProgram(io, argv)
  const words = helpAsFlag(normalizeBooleans(argv, program), program)
  try {
    if (argv[0] === '__complete') await (await import('./complete.js')).complete(argv.slice(1), program, io)
    else await program.parseAsync(words, { from: 'user' })
    return io.outcome.status
  } catch (error) {
    if (error instanceof CommanderError) return endOfParsing(error, words, program, io)
    return printError(io, await completed(error, words, program, io), outputFlagsOf(words))
  }
}

/** Handles the end of parsing: help or version were printed, a command is missing, or the arguments are invalid. */
function endOfParsing(error: CommanderError, words: readonly string[], program: Command, io: Io): number {
  if (error.exitCode === 0) return 0
  const flags = outputFlagsOf(words)
  // commander stops reading at an unknown command.
  const [, unknown] = /unknown command '(.*)'/.exec(error.message) ?? []
  const { command } = readLine(unknown === undefined ? words : words.slice(0, words.indexOf(unknown)), program)
  const forgotten = unknown === undefined || command.parent !== null ? undefined : inGroup(unknown, io)
  if (error.code !== 'commander.help' || flags.json) return printError(io, usageError(error, command, forgotten), flags)
  // A group without a command shows its help.
  command.outputHelp()
  return 0
}

/**
 * Builds the tree of commands. The code of an action is loaded when it runs. With `argv`, groups that it does not mention
 * stay empty, because defining their options would slow down the start.
 */
export function buildProgram(io: Io, argv: readonly string[] | null = null): Command {
  // Subcommands inherit these settings, so this must precede them.
  const program = new Command('fpki')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => printText(io, needsJoining(io) ? joinParagraphs(text) : text),
      writeErr: () => undefined,
      getOutHelpWidth: () => (io.terminal.stdout ? columnsOf(io.terminal) : 80),
    })
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .description('Create and manage the Factory PKI of embedded Linux devices.')
    .option('-V, --version', 'print the version')
    .on('option:version', () => printVersion(io, argv ?? []))
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', EXAMPLE)
    .hook('preAction', (_, action) => warnOfToken(action.optsWithGlobals(), io))
  addCommonOptions(program)
  const isNamed = (name: string) => argv === null || argv.some((word) => word.split(/\s/).includes(name))
  const addGroup = (parent: Command, name: Group) => {
    const group = parent.command(name).description(GROUPS[name])
    if (isNamed(name)) addSections(group, WORDS[name], io)
    return group
  }
  program.commandsGroup('Command groups:')
  addGroup(program, 'ca')
  addGroup(program, 'devices')
  addGroup(program, 'lines')
  addGroup(program, 'est')
  addGroup(program, 'hsm')
  addGroup(program, 'api')
  addGroup(program, 'config').addHelpText('after', SETTINGS)
  const keys = program
    .command('keys')
    .description('aliases of ca and est, named as in fioctl')
    .addHelpText('after', KEYS)
  if (isNamed('keys')) for (const name of ['ca', 'est'] as const) addGroup(keys, name)
  addSections(program, WORDS.top, io)
  return program
}

function addSections(group: Command, sections: readonly Section[], io: Io): void {
  for (const { heading, commands } of sections) {
    group.commandsGroup(heading)
    for (const add of commands) add(group, io)
  }
  if (sections.length > 1) group.commandsGroup('Help:').helpCommand(true)
}

const GROUPS: Readonly<Record<Group, string>> = {
  ca: 'manage the root of trust, the gateway certificate and the device CAs',
  devices: 'issue certificates to devices, and look after them',
  lines: 'manage production lines: who may have devices issued, and how many',
  est: 'manage the EST server, where devices renew their certificates',
  hsm: 'list and check PKCS#11 tokens',
  api: 'check the Factory API, or serve the embedded one',
  config: 'show and change settings',
}

/** The help texts have lines of 80 columns; joined paragraphs wrap better on a narrower terminal. */
function needsJoining({ terminal }: Io): boolean {
  return terminal.stdout && columnsOf(terminal) < 80
}

function warnOfToken(flags: OutputFlags & { readonly token?: string }, io: Io): void {
  if (flags.token === undefined) return
  progressOn(io, flags).warn('Other users can see the token in --token; FPKI_TOKEN is safer.')
}

const EXAMPLE = `
Examples:
  $ fpki ca create "$HOME/acme"          create a PKI for the factory acme
  $ fpki ca show --pretty                show its certificates

Exit codes: 0 success, 1 bug in fpki, 2 usage error, 3 refused, 4 Factory API or
network error, 5 HSM or PIN error, 6 invalid input, 10 and 11 (\`ca status\`)
expiring soon and expired, 12 some devices refused, 130 and 143 interrupted.`

const KEYS = `
For example, fpki keys ca show is the same as fpki ca show.`

const SETTINGS = `
Settings. An option overrides the variable, which overrides the configuration:
  api        --api        FPKI_API                      embedded
  factory    --factory    FPKI_FACTORY, FIOCTL_FACTORY
  state-dir  --state-dir  FPKI_STATE_DIR                ~/.local/share/fpki
  cacert     --cacert     FPKI_CACERT, CACERT           PEM, more trusted roots
  timeout    --timeout    FPKI_TIMEOUT                  30 seconds`

/** Completes the hint of an interruption or an unfinished command, now that the command has ended. */
async function completed(error: unknown, words: readonly string[], program: Command, io: Io): Promise<unknown> {
  if (!(error instanceof FpkiError)) return error
  if (error.code === 'ERR_UNFINISHED') return (await import('./started-with.js')).withFlags(error)
  if (!isInterruption(error)) return error
  return (await import('./interrupted.js')).interrupted(error, words, program, io)
}

/** Converts an error of commander; its suggestion, on the second line, goes into the hint. */
function usageError({ code, message }: CommanderError, command: Command, forgotten?: Command): FpkiError {
  const [sentence = '', suggestion = ''] = message.replace(/^error: /, '').split('\n')
  const text = code === 'commander.help' ? 'Missing command' : sentence.charAt(0).toUpperCase() + sentence.slice(1)
  const [, ofCommander] = /^\((.*)\)$/.exec(suggestion) ?? []
  const similar = forgotten === undefined ? ofCommander : `Did you mean \`${pathOf(forgotten)}\`?`
  const hint = [...(similar === undefined ? [] : [similar]), `See \`${pathOf(command)} --help\`.`].join(' ')
  return new FpkiError('ERR_USAGE', text.replace(/\.?$/, '.'), hint)
}

/** The command of that name in a group: for `fpki verify`, which lacks the group, `fpki ca verify`. */
function inGroup(name: string, io: Io): Command | undefined {
  const groups = buildProgram(io).commands.filter((group) => group.name() !== 'keys')
  return groups.flatMap(({ commands }) => commands).find((command) => command.name() === name)
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

/**
 * Rewrites `help ca create` to `ca create --help`, because `help` of commander accepts one word only. Unknown commands are
 * left for commander to refuse.
 */
function helpAsFlag(words: readonly string[], program: Command): readonly string[] {
  const at = words.findIndex((word, index) => word === 'help' && commandAt(words.slice(0, index), program) !== null)
  if (at < 0) return words
  const rest = words.toSpliced(at, 1)
  return commandAt(
    rest.filter((word) => !word.startsWith('-')),
    program,
  ) === null
    ? rest
    : [...rest, '--help']
}

/** The command with exactly this path, or null. */
function commandAt(words: readonly string[], program: Command): Command | null {
  return words.reduce<Command | null>(
    (command, word) => command?.commands.find((subcommand) => subcommand.name() === word) ?? null,
    program,
  )
}

/** Replaces the version option of commander, which does not support --json. Throws like it, so that nothing else runs. */
function printVersion(io: Io, argv: readonly string[]): never {
  if (outputFlagsOf(argv).json) printJson(io, { version: VERSION })
  else io.stdout(`${VERSION}\n`)
  throw new CommanderError(0, 'commander.version', VERSION)
}

/** Reads the output flags from arguments that may not parse. */
function outputFlagsOf(words: readonly string[]): OutputFlags {
  const has = (...flags: string[]) => words.some((word) => flags.includes(word))
  return { json: has('--json'), quiet: has('-q', '--quiet'), verbose: has('-v', '--verbose') }
}
