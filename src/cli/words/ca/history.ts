import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki ca history`. */
export function addHistory(ca: Command, io: Io): void {
  ca.command('history')
    .description('list the snapshots of a PKI directory')
    .argument('<directory>', 'PKI directory')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/records.js')).history(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca history "$HOME/acme"
  $ fpki ca history "$HOME/acme" --json

Every change creates a snapshot. The last 20 are kept. Older ones are thinned
out, except those with the only copy of a key or certificate.`
