import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki api ping`. */
export function addPing(api: Command, io: Io): void {
  api
    .command('ping')
    .description('check the connection to the Factory API')
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/config/index.js')).ping(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki api ping
  $ fpki api ping --json --factory acme`
