import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki config set`. */
export function addConfigSet(config: Command, io: Io): void {
  config
    .command('set')
    .description('settle a setting for good')
    .argument('<setting>', 'one of those that `fpki config --help` lists')
    .argument('<value>')
    .addHelpText('after', EXAMPLE)
    .action(async (setting, value, _, command: Command) =>
      (await import('../../commands/config/index.js')).configSet(setting, value, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki config set api embedded
  $ fpki config set factory acme`
