import type { Command } from 'commander'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki lines show`. */
export function addShowLine(lines: Command, io: Io): void {
  const show = lines
    .command('show')
    .description('show a line: what it may do, what it has issued, and what is left')
    .argument('<directory>', 'PKI directory or kit')
    .argument('<name>', 'name of the line')
  withStore(show)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, name, _, command: Command) =>
      (await import('../../commands/lines/index.js')).showLine(directory, name, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki lines show "$HOME/acme" site-a
  $ fpki lines show "$HOME/acme" default --json`
