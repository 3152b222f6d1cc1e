import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki config set`. */
export function addConfigSet(config: Command, io: Io): void {
  config
    .command('set')
    .description('change a setting permanently')
    .argument('<setting>', 'setting name, see `fpki config --help`')
    .argument('<value>', 'new value')
    .addHelpText('after', EXAMPLE)
    .action(async (setting, value, _, command: Command) =>
      (await import('../../commands/config/index.js')).configSet(setting, value, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki config set api embedded
  $ fpki config set factory acme`
