import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki config unset`. */
export function addConfigUnset(config: Command, io: Io): void {
  config
    .command('unset')
    .description('remove a setting from the configuration file')
    .argument('<setting>', 'setting name, see `fpki config --help`')
    .addHelpText('after', EXAMPLE)
    .action(async (setting, _, command: Command) =>
      (await import('../../commands/config/index.js')).configUnset(setting, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki config unset api
  $ fpki config unset factory`
