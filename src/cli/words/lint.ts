import { type Command, Option } from 'commander'
import type { Io } from '../output.js'

/** The words of `fpki lint`. */
export function addLint(program: Command, io: Io): void {
  program
    .command('lint')
    .description('find what is wrong with certificates, requests and CRLs')
    .argument('<file...>', 'files, PEM or DER; directories; - is stdin')
    .addOption(
      new Option('--profile <which>', 'what the certificates are; else each one tells').choices([
        'root',
        'device-ca',
        'tls',
        'device',
      ]),
    )
    .option('--strict', 'warnings count as errors do')
    .addHelpText('after', EXAMPLE)
    .action(async (files: readonly string[], _, command: Command) =>
      (await import('../commands/lint.js')).lint(files, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Every finding has a code; docs/lint.md has them all. Keys are not looked at.
The factory is the one that --factory names, else that of the root beside the
files. Exit 6: there is an error.

Examples:
  $ fpki lint "$HOME/acme"
  $ fpki lint --strict --profile tls "$HOME/acme/tls-crt"
  $ fpki lint --json - < "$HOME/acme/local-ca.pem"`
