import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki ca abandon`. */
export function addAbandon(ca: Command, io: Io): void {
  ca.command('abandon')
    .description('give up an interrupted command; no key is deleted')
    .argument('<directory>', 'the PKI directory')
    .option('--yes', 'do not ask')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/index.js')).abandonDirectory(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca abandon "$HOME/acme"
  $ fpki ca abandon "$HOME/acme" --yes

What the command had made goes into .fpki/abandoned/. It says what is left
there, in a token and in the Factory API. What the API has taken cannot be
discarded.`
