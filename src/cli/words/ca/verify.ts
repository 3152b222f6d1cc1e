import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { withWarnDays } from '../../options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca verify`. */
export function addVerify(ca: Command, io: Io): void {
  const verify = ca
    .command('verify')
    .description('audit a PKI directory; nothing is changed')
    .argument('<directory>', 'the PKI directory, an absolute path')
    .option('--offline', 'do not ask the Factory API')
    .option('--skip-root-key', 'do not sign with the root key')
    .option('--strict', 'warnings fail too')
  withHsmOptions(withWarnDays(verify))
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/verify.js')).verify(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca verify "$HOME/acme"
  $ fpki ca verify "$HOME/acme" --offline --skip-root-key --json

Exit codes: 0 nothing failed (with --strict: no warnings either); 6 something
failed. Notices are advice. docs/verify.md explains each code.`
