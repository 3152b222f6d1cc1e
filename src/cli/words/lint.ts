import { type Command, Option } from 'commander'
import type { Io } from '../output.js'

/** Adds `fpki lint`. */
export function addLint(program: Command, io: Io): void {
  program
    .command('lint')
    .description('check certificates, certificate requests and CRLs')
    .argument('<file...>', 'PEM or DER files, or directories; - is stdin')
    .addOption(
      new Option('--profile <which>', 'kind of certificate; default: detected per file').choices([
        'root',
        'cross',
        'device-ca',
        'tls',
        'device',
        'ocsp-responder',
      ]),
    )
    .option('--strict', 'treat warnings as errors')
    .addHelpText('after', EXAMPLE)
    .action(async (files: readonly string[], _, command: Command) =>
      (await import('../commands/lint.js')).lint(files, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Each finding has a code; docs/lint.md explains them. Private keys are ignored.
The expected factory is that of --factory, else that of the root in the same
directory. Exits with 6 if there are errors.

Examples:
  $ fpki lint "$HOME/acme"
  $ fpki lint --strict --profile tls "$HOME/acme/tls-crt"
  $ fpki lint --json - < "$HOME/acme/local-ca.pem"`
