import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki config path`. */
export function addConfigPath(config: Command, io: Io): void {
  config
    .command('path')
    .description('print the path of the configuration file')
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/config/index.js')).configPath(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki config path
  $ fpki config path --json`
