import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki config show`. */
export function addConfigShow(config: Command, io: Io): void {
  config
    .command('show')
    .description('print all settings and their sources')
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/config/index.js')).configShow(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki config show
  $ fpki config show --json`
