import { Command, CommanderError, Option } from 'commander'
import { FpkiError } from '../errors.js'
import { VERSION } from '../version.js'
import { EXAMPLES } from './examples.js'
import { withHsmOptions } from './hsm-options.js'
import { addCommonOptions, normalizeBooleans } from './options.js'
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
    .configureHelp({ showGlobalOptions: true })
    .description('Create and look after the Factory PKI of embedded-Linux devices.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', EXAMPLES.fpki)
  addCommonOptions(program)
  const ca = program.command('ca').description('the root of trust, the gateway certificate and the device CAs')
  addCreate(ca, io)
  addShow(ca, io)
  addImportRoot(ca, io)
  addHsm(program, io)
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
  withHsmOptions(create)
    .addHelpText('after', EXAMPLES.create)
    .action(async (directory, _, command: Command) =>
      (await import('./commands/ca/create.js')).create(directory, command.optsWithGlobals(), io),
    )
}

function addShow(ca: Command, io: Io): void {
  const forms = ['pretty', 'justRoot', 'justTls', 'justDeviceCas']
  const show = ca
    .command('show')
    .description('show the certificates that the Factory API knows, as PEM')
    .option('--pretty', 'in words, with the hierarchy on top')
    .option('--just-root', 'the root certificate only, as PEM')
    .option('--just-tls', 'the server certificate only, as PEM')
    .option('--just-device-cas', 'the device CAs only, as PEM')
    .addHelpText('after', EXAMPLES.show)
    .action(async (_, command: Command) => (await import('./commands/ca/show.js')).show(command.optsWithGlobals(), io))
  for (const option of show.options) option.conflicts(forms.filter((name) => name !== option.attributeName()))
}

function addImportRoot(ca: Command, io: Io): void {
  const importRoot = ca
    .command('import-root')
    .description('move the root key from its file into an HSM')
    .argument('<directory>', 'the PKI directory, an absolute path')
    .option('--remove-key', 'remove factory_ca.key, once the token has signed with it')
  withHsmOptions(importRoot)
    .addHelpText('after', EXAMPLES.importRoot)
    .action(async (directory, _, command: Command) => {
      const { importRootKey } = await import('./commands/hsm/index.js')
      await importRootKey(directory, command.optsWithGlobals(), io)
    })
}

function addHsm(program: Command, io: Io): void {
  const hsm = program.command('hsm').description('PKCS#11 tokens: which there are, and what they can do')
  hsm
    .command('list')
    .description('list the tokens of a module, or of every module that is found')
    .option('--hsm-module <path>', 'the PKCS#11 module (FPKI_HSM_MODULE)')
    .option('--hsm-init-args <text>', 'what the module wants to be told, as NSS does')
    .addHelpText('after', EXAMPLES.hsmList)
    .action(async (_, command: Command) =>
      (await import('./commands/hsm/index.js')).list(command.optsWithGlobals(), io),
    )
  const check = hsm
    .command('check')
    .description('try all that `ca create` needs of a token, on a throw-away key')
    .addOption(new Option('--key-type <curve>', 'of the key').choices(['P-256', 'P-384']))
  withHsmOptions(check)
    .addHelpText('after', EXAMPLES.hsmCheck)
    .action(async (_, command: Command) =>
      (await import('./commands/hsm/index.js')).check(command.optsWithGlobals(), io),
    )
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
