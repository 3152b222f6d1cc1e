import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki ca history`. */
export function addHistory(ca: Command, io: Io): void {
  ca.command('history')
    .description('the snapshots that were made after each change')
    .argument('<directory>', 'the PKI directory')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/records.js')).history(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca history "$HOME/acme"
  $ fpki ca history "$HOME/acme" --json

The last 20 are all kept, older ones thin out; none goes that has the only copy
of a key or a certificate.`
