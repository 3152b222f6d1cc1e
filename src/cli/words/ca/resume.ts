import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca resume`. */
export function addResume(ca: Command, io: Io): void {
  const resume = ca
    .command('resume')
    .description('bring an interrupted command to its end, whatever it was')
    .argument('<directory>', 'the PKI directory')
    .option('--root-key <file>', 'as given to `ca create`; no journal has it')
  withHsmOptions(resume)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/index.js')).resume(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca resume "$HOME/acme"
  $ fpki ca resume "$HOME/acme" --json

It goes on with the arguments that the command was begun with, and prints what
that command prints. When nothing is open it says so, and ends with 0.`
