import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki api ping`. */
export function addPing(api: Command, io: Io): void {
  api
    .command('ping')
    .description('ask the Factory API who you are, and whether the PKI is set')
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/config/index.js')).ping(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki api ping
  $ fpki api ping --json --factory acme`
