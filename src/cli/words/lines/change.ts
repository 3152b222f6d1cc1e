import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { withLineOptions } from './line-options.js'

/** Adds `fpki lines change`. */
export function addChangeLine(lines: Command, io: Io): void {
  const change = lines
    .command('change')
    .description('change settings of a line; the others stay')
    .argument('<directory>', 'PKI directory or kit')
    .argument('<name>', 'name of the line')
  withLineOptions(change)
    .option('--no-production', 'make no production devices')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, name, _, command: Command) =>
      (await import('../../commands/lines/index.js')).changeLine(directory, name, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki lines change "$HOME/acme" site-a --quota 20000 --per-day none
  $ fpki lines change "$HOME/acme" site-a --until 2099-01-01 --no-production

A new quota counts from the first device of the line, not from now.`
