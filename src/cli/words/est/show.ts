import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki est show`. */
export function addShowEst(est: Command, io: Io): void {
  est
    .command('show')
    .description('show the certificate of the EST server, as PEM')
    .argument('[directory]', 'a PKI directory: its factory and its Factory API are meant')
    .option('--pretty', 'in words')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/show.js')).showEst(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki est show
  $ fpki est show --pretty
  $ fpki est show --json`
