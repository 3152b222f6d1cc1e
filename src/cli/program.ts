import { Command, CommanderError, Option } from 'commander'
import { FpkiError } from '../errors.js'
import { VERSION } from '../version.js'
import { withHsmOptions } from './hsm-options.js'
import { normalizeBooleans, withCommonOptions } from './options.js'
import { type Io, type OutputFlags, printError } from './output.js'

/**
 * Runs `fpki` with the words behind its name, and resolves to the exit code of cli.md. Never throws: what goes wrong
 * is told on stderr, or as JSON on stdout.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const program = buildProgram(io)
  const words = normalizeBooleans(argv, program)
  try {
    await program.parseAsync(words, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    return printError(io, error instanceof CommanderError ? usageError(error) : error, outputFlagsOf(words))
  }
}

/** The tree of commands. An action's code is loaded when it runs. */
export function buildProgram(io: Io): Command {
  // What these two set is taken over by the commands below, so it comes before them.
  const program = new Command('fpki')
    .exitOverride()
    .configureOutput({ writeOut: io.stdout, writeErr: () => undefined })
    .description('Create and look after the Factory PKI of embedded-Linux devices.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', EXAMPLES.fpki)
  const ca = program.command('ca').description('the root of trust, the gateway certificate and the device CAs')
  addCreate(ca, io)
  addShow(ca, io)
  return program
}

function addCreate(ca: Command, io: Io): void {
  const create = ca
    .command('create')
    .description('make a Factory PKI, or bring an interrupted making to its end')
    .argument('<directory>', 'the PKI directory, an absolute path; made when missing')
    .addOption(new Option('--online-ca', 'make online-ca, for devices that register on-line').default(true, 'yes'))
    .option('--no-online-ca', 'make none')
    .addOption(new Option('--local-ca', 'make local-ca, for manufacturing').default(true, 'yes'))
    .option('--no-local-ca', 'make none')
    .option('--tls-name <host>', "a DNS name of the embedded factory's gateway; repeatable", collect)
    .addOption(new Option('--key-type <curve>', 'of a root key in a token').choices(['P-256', 'P-384']))
    .option('--local-ca-in-hsm', 'the key of local-ca goes into the token too')
  withCommonOptions(withHsmOptions(create))
    .addHelpText('after', EXAMPLES.create)
    .action(async (directory, flags) => (await import('./commands/ca/create.js')).create(directory, flags, io))
}

function addShow(ca: Command, io: Io): void {
  const only = ['pretty', 'json', 'justRoot', 'justTls', 'justDeviceCas']
  const show = ca
    .command('show')
    .description('show the certificates that the Factory API knows, as PEM')
    .option('--pretty', 'in words, with the hierarchy on top')
    .option('--just-root', 'the root certificate only, as PEM')
    .option('--just-tls', 'the server certificate only, as PEM')
    .option('--just-device-cas', 'the device CAs only, as PEM')
  withCommonOptions(show)
    .addHelpText('after', EXAMPLES.show)
    .action(async (flags) => (await import('./commands/ca/show.js')).show(flags, io))
  for (const option of show.options) {
    if (only.includes(option.attributeName())) option.conflicts(only.filter((name) => name !== option.attributeName()))
  }
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
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

const EXAMPLES = {
  fpki: `
Examples:
  $ fpki ca create "$HOME/acme"          a whole PKI for the factory acme
  $ fpki ca show --pretty                what the Factory API knows of it

Exit codes: 0 done, 1 a defect of fpki, 2 wrong usage, 3 refused, 4 Factory API,
5 HSM or its PIN, 6 broken input, 130 and 143 interrupted.`,
  create: `
Examples:
  $ fpki ca create "$HOME/acme"
  $ fpki ca create /mnt/usb/pki --factory acme --tls-name gateway.acme.example
  $ fpki ca create "$HOME/acme" --no-online-ca

With the root key in an HSM (docs/hsm.md):
  fpki ca create "$HOME/acme" --hsm-module /usr/lib/softhsm/libsofthsm2.so \\
    --hsm-token-label acme

Nothing is ever overwritten. Interrupted? Run the same command again: it goes on
where it stopped.`,
  show: `
Examples:
  $ fpki ca show --pretty
  $ fpki ca show --just-device-cas > cas.pem
  $ fpki ca show --json --factory acme`,
}
