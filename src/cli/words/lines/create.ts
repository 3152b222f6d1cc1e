import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { withLineOptions } from './line-options.js'

/** Adds `fpki lines create`. */
export function addCreateLine(lines: Command, io: Io): void {
  const create = lines
    .command('create')
    .description('create a line, which limits what devices are issued')
    .argument('<directory>', 'PKI directory or kit')
    .argument('<name>', 'name of the line')
  withLineOptions(create)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, name, _, command: Command) =>
      (await import('../../commands/lines/index.js')).createLine(directory, name, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki lines create "$HOME/acme" plant --quota 10000 --per-day 500
  $ fpki lines create "$HOME/acme" pilot --hardware-id imx8mm,imx8mp
  $ fpki lines create "$HOME/acme" final --production --ca local-ca.pem

Without limits, a line issues any number of test devices with local-ca. Dates
are at 00:00 UTC. \`fpki devices issue\` takes the name of the line with --line.`
