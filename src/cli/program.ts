import { Command, CommanderError } from 'commander'
import { FpkiError } from '../errors.js'
import { VERSION } from '../version.js'
import { addCommonOptions, normalizeBooleans } from './options.js'
import { type Io, type OutputFlags, printError, progressOn } from './output.js'
import { type Group, WORDS } from './words/index.js'

/**
 * Runs `fpki` with the words behind its name, and resolves to the exit code of cli.md. Never throws: what goes wrong
 * is told on stderr, or as JSON on stdout.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const program = buildProgram(io, argv)
  const words = normalizeBooleans(argv, program)
  try {
    if (argv[0] === '__complete') await (await import('./complete.js')).complete(argv.slice(1), program, io)
    else await program.parseAsync(words, { from: 'user' })
    return io.outcome.status
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    return printError(io, await explained(error, words, program, io), outputFlagsOf(words))
  }
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
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', EXAMPLE)
    .hook('preAction', (_, action) => warnOfToken(action.optsWithGlobals(), io))
  addCommonOptions(program)
  const isNamed = (name: string) => argv === null || argv.some((word) => word.split(/\s/).includes(name))
  const addGroup = (parent: Command, name: Group) => {
    if (WORDS[name].length === 0) return null
    const group = parent.command(name).description(GROUPS[name])
    if (isNamed(name)) for (const add of WORDS[name]) add(group, io)
    return group
  }
  addGroup(program, 'ca')
  addGroup(program, 'est')
  addGroup(program, 'hsm')
  addGroup(program, 'api')
  addGroup(program, 'config')?.addHelpText('after', SETTINGS)
  const keys = program.command('keys').description("the same commands under fioctl's words")
  if (isNamed('keys')) for (const name of ['ca', 'est'] as const) addGroup(keys, name)
  for (const add of WORDS.top) add(program, io)
  return program
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
  if (error instanceof CommanderError) return usageError(error)
  if (!(error instanceof FpkiError) || (error.code !== 'ERR_SIGINT' && error.code !== 'ERR_SIGTERM')) return error
  return (await import('./interrupted.js')).interrupted(error, words, program, io)
}

/** commander's words for a mistake, as an error of ours. */
function usageError({ code, message }: CommanderError): FpkiError {
  const [sentence = ''] = message.replace(/^error: /, '').split('\n')
  const text = code === 'commander.help' ? 'A command is missing' : sentence.charAt(0).toUpperCase() + sentence.slice(1)
  return new FpkiError('ERR_USAGE', text.replace(/\.?$/, '.'), 'See `fpki --help`, or --help behind a command.')
}

/** The flags that say how to speak, read off the words when they could not be parsed. */
function outputFlagsOf(words: readonly string[]): OutputFlags {
  const said = (...flags: string[]) => words.some((word) => flags.includes(word))
  return { json: said('--json'), quiet: said('-q', '--quiet'), verbose: said('-v', '--verbose') }
}
