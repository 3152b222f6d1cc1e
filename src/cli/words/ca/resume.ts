import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca resume`. */
export function addResume(ca: Command, io: Io): void {
  const resume = ca
    .command('resume')
    .description('resume an interrupted command')
    .argument('<directory>', 'PKI directory')
    .option('--root-key <file>', 'private key passed to `ca create`; the journal does not record it')
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

Continues with the arguments of the interrupted command, and prints its output.
If there is nothing to resume, prints a note and exits with 0.`
