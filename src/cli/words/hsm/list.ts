import type { Command } from 'commander'
import { withModuleOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** Adds `fpki hsm list`. */
export function addList(hsm: Command, io: Io): void {
  const command = hsm.command('list').description('list the tokens of a PKCS#11 module, or of all modules found')
  withModuleOptions(command)
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/hsm/index.js')).list(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki hsm list
  $ fpki hsm list --json`
