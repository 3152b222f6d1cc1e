import type { Command } from 'commander'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki lines list`. */
export function addListLines(lines: Command, io: Io): void {
  const list = lines.command('list').description('list the lines').argument('<directory>', 'PKI directory or kit')
  withStore(list)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/lines/index.js')).listLines(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki lines list "$HOME/acme"
  $ fpki lines list "$HOME/acme" --json`
