import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { withWarnDays } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca verify`. */
export function addVerify(ca: Command, io: Io): void {
  const verify = ca
    .command('verify')
    .description('audit a PKI directory without changing it')
    .argument('<directory>', 'PKI directory')
    .option('--offline', 'do not contact the Factory API')
    .option('--skip-root-key', 'do not test the root key')
    .option('--strict', 'treat warnings as failures')
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

Exits with 0 if nothing failed (with --strict, if there are no warnings either),
else with 6. Notices are advice. docs/verify.md explains each code.`
