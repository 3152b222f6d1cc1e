import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki ca diff`. */
export function addDiff(ca: Command, io: Io): void {
  ca.command('diff')
    .description('what changed between two snapshots, or a snapshot and now')
    .argument('<directory>', 'the PKI directory')
    .argument('<from>', 'the number of a snapshot, or now')
    .argument('[to]', 'the same', 'now')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, from, to, _, command: Command) =>
      (await import('../../commands/ca/records.js')).diff(directory, from, to, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca diff "$HOME/acme" 1
  $ fpki ca diff "$HOME/acme" 1 now --json

\`fpki ca history\` has the numbers.`
