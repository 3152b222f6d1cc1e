import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki ca diff`. */
export function addDiff(ca: Command, io: Io): void {
  ca.command('diff')
    .description('show what changed between two snapshots')
    .argument('<directory>', 'PKI directory')
    .argument('<from>', 'snapshot number, or now')
    .argument('[to]', 'snapshot number, or now', 'now')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, from, to, _, command: Command) =>
      (await import('../../commands/ca/records.js')).diff(directory, from, to, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca diff "$HOME/acme" 1
  $ fpki ca diff "$HOME/acme" 1 now --json

\`fpki ca history\` lists the snapshot numbers.`
