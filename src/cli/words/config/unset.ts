import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki config unset`. */
export function addConfigUnset(config: Command, io: Io): void {
  config
    .command('unset')
    .description('take a setting out of the configuration')
    .argument('<setting>', 'one of those that `fpki config --help` lists')
    .addHelpText('after', EXAMPLE)
    .action(async (setting, _, command: Command) =>
      (await import('../../commands/config/index.js')).configUnset(setting, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki config unset api
  $ fpki config unset factory`
