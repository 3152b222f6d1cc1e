import { Command, CommanderError } from 'commander'
import { FpkiError } from '../errors.js'
import { VERSION } from '../version.js'
import { readLine } from './line.js'
import { addCommonOptions, normalizeBooleans } from './options.js'
import { type Io, type OutputFlags, printError, printJson, progressOn } from './output.js'
import { type Group, type Section, WORDS } from './words/index.js'

/**
 * Runs `fpki` with the words behind its name, and resolves to the exit code of docs/exit-codes.md. Never throws: what goes wrong
 * is told on stderr, or as JSON on stdout.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const program = buildProgram(io, argv)
  const words = helpAsFlag(normalizeBooleans(argv, program), program)
  try {
    if (argv[0] === '__complete') await (await import('./complete.js')).complete(argv.slice(1), program, io)
    else await program.parseAsync(words, { from: 'user' })
    return io.outcome.status
  } catch (error) {
    if (error instanceof CommanderError) return endOfParsing(error, words, program, io)
    return printError(io, await explained(error, words, program, io), outputFlagsOf(words))
  }
}

/** commander stopped: help or the version were printed, a command is missing, or the words are wrong. */
function endOfParsing(error: CommanderError, words: readonly string[], program: Command, io: Io): number {
  if (error.exitCode === 0) return 0
  const flags = outputFlagsOf(words)
  // What follows an unknown command was not read.
  const [, unknown] = /unknown command '(.*)'/.exec(error.message) ?? []
  const { command } = readLine(unknown === undefined ? words : words.slice(0, words.indexOf(unknown)), program)
  if (error.code !== 'commander.help' || flags.json) return printError(io, usageError(error, command), flags)
  // A group alone: people want to see what it has.
  command.outputHelp()
  return 0
}

/**
 * The tree of commands. An action's code is loaded when it runs. With `argv`, groups that it does not name stay empty:
 * nobody can reach what is in them, and every flag costs the start some time.
 */
export function buildProgram(io: Io, argv: readonly string[] | null = null): Command {
  // What these two set is taken over by the commands below, so it comes before them.
  const program = new Command('fpki')
    .exitOverride()
    .configureOutput({ writeOut: io.stdout, writeErr: () => undefined })
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .description('Create and look after the Factory PKI of embedded-Linux devices.')
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
  program.commandsGroup('Groups of commands:')
  addGroup(program, 'ca')
  addGroup(program, 'est')
  addGroup(program, 'hsm')
  addGroup(program, 'api')
  addGroup(program, 'config').addHelpText('after', SETTINGS)
  const keys = program.command('keys').description("the same commands under fioctl's words")
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
  ca: 'the root of trust, the gateway certificate and the device CAs',
  est: 'the EST server, with which devices renew their certificates',
  hsm: 'PKCS#11 tokens: which there are, and what they can do',
  api: 'the Factory API: who answers, and how others get at the embedded one',
  config: 'the settings, and where each comes from',
}

function warnOfToken(flags: OutputFlags & { readonly token?: string }, io: Io): void {
  if (flags.token === undefined) return
  progressOn(io, flags).warn('others on this machine can see the token in --token; FPKI_TOKEN is safer.')
}

const EXAMPLE = `
Examples:
  $ fpki ca create "$HOME/acme"          a whole PKI for the factory acme
  $ fpki ca show --pretty                what the Factory API knows of it

Exit codes: 0 done, 1 a defect of fpki, 2 wrong usage, 3 refused, 4 Factory API,
5 HSM or its PIN, 6 broken input, 10 and 11 of \`ca status\`: something expires
soon, has expired; 130 and 143 interrupted.`

const SETTINGS = `
Settings, each from a flag, else a variable, else the configuration:
  api        --api        FPKI_API                      embedded
  factory    --factory    FPKI_FACTORY, FIOCTL_FACTORY
  state-dir  --state-dir  FPKI_STATE_DIR                ~/.local/share/fpki
  cacert     --cacert     FPKI_CACERT, CACERT           more trusted roots, PEM
  timeout    --timeout    FPKI_TIMEOUT                  30 seconds`

/** An error with what can be said of it once the command has ended. */
async function explained(error: unknown, words: readonly string[], program: Command, io: Io): Promise<unknown> {
  if (!(error instanceof FpkiError)) return error
  if (error.code === 'ERR_UNFINISHED') return (await import('./started-with.js')).withFlags(error)
  if (error.code !== 'ERR_SIGINT' && error.code !== 'ERR_SIGTERM') return error
  return (await import('./interrupted.js')).interrupted(error, words, program, io)
}

/** commander's message as an error of ours; the suggestion on its second line goes into the hint. */
function usageError({ code, message }: CommanderError, command: Command): FpkiError {
  const [sentence = '', suggestion = ''] = message.replace(/^error: /, '').split('\n')
  const text = code === 'commander.help' ? 'A command is missing' : sentence.charAt(0).toUpperCase() + sentence.slice(1)
  const [, similar] = /^\((.*)\)$/.exec(suggestion) ?? []
  const hint = [...(similar === undefined ? [] : [similar]), `See \`${pathOf(command)} --help\`.`].join(' ')
  return new FpkiError('ERR_USAGE', text.replace(/\.?$/, '.'), hint)
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

/**
 * `help ca create` as `ca create --help`: commander's own `help` takes one word only. A word that names no command stays,
 * without the flag, so that it is refused like any other.
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

/** The command that exactly these words lead to; null: none. */
function commandAt(words: readonly string[], program: Command): Command | null {
  return words.reduce<Command | null>(
    (command, word) => command?.commands.find((below) => below.name() === word) ?? null,
    program,
  )
}

/** In place of commander's own, which knows no --json. Throws, as that one does, so that nothing else runs. */
function printVersion(io: Io, argv: readonly string[]): never {
  if (outputFlagsOf(argv).json) printJson(io, { version: VERSION })
  else io.stdout(`${VERSION}\n`)
  throw new CommanderError(0, 'commander.version', VERSION)
}

/** The flags that say how to speak, read off the words when they could not be parsed. */
function outputFlagsOf(words: readonly string[]): OutputFlags {
  const said = (...flags: string[]) => words.some((word) => flags.includes(word))
  return { json: said('--json'), quiet: said('-q', '--quiet'), verbose: said('-v', '--verbose') }
}
