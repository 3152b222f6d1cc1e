import type { Command } from 'commander'
import { withYes } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki api delete-factory`. */
export function addDeleteFactory(api: Command, io: Io): void {
  const command = api
    .command('delete-factory')
    .description('move an embedded factory aside, so that its name is free again')
    .argument('<factory>', 'name of an embedded factory')
  withYes(command)
    .addHelpText('after', EXAMPLE)
    .action(async (factory, _, command: Command) =>
      (await import('../../commands/config/index.js')).deleteFactory(factory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki api delete-factory acme --yes
  $ fpki api delete-factory acme --yes --json

A root of trust can be set only once. To repeat a trial under the same name,
delete the factory first. This moves the directory of the factory, including
its keys, to \`deleted\` in the state directory; nothing is erased. PKI
directories and tokens stay: remove the PKI directory of a trial yourself, and
see \`fpki api token list\`.`
