import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki api delete-factory`. */
export function addDeleteFactory(api: Command, io: Io): void {
  api
    .command('delete-factory')
    .description('move an embedded factory aside, to start a trial over')
    .argument('<factory>', 'an embedded factory')
    .option('--yes', 'do not ask for the name to be typed')
    .addHelpText('after', EXAMPLE)
    .action(async (factory, _, command: Command) =>
      (await import('../../commands/config/index.js')).deleteFactory(factory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki api delete-factory acme --yes
  $ fpki api delete-factory acme --yes --json

For a trial factory: a root of trust can be set once only, and this makes the
name free again. The factory's folder, with its keys, is moved into \`deleted\`
of the state directory; nothing is deleted. PKI directories are left as they
are; remove a trial one yourself. Tokens stay: \`fpki api token list\`.`
