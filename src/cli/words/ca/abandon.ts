import type { Command } from 'commander'
import { withYes } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca abandon`. */
export function addAbandon(ca: Command, io: Io): void {
  const command = ca
    .command('abandon')
    .description('discard an interrupted command; deletes no keys')
    .argument('<directory>', 'PKI directory')
  withYes(command)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/index.js')).abandonDirectory(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca abandon "$HOME/acme"
  $ fpki ca abandon "$HOME/acme" --yes

Files that the command created are moved to .fpki/abandoned/. The output lists
what remains in a token and in the Factory API. Changes that the Factory API has
accepted stay in effect.`
