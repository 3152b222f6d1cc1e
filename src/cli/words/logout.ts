import type { Command } from 'commander'
import type { Io } from '../output.js'

/** Adds `fpki logout`. */
export function addLogout(program: Command, io: Io): void {
  program
    .command('logout')
    .description('remove the credentials that `fpki login` stored')
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../commands/config/index.js')).logout(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki logout
  $ fpki logout --api https://factory.example`
