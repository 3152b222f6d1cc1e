import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki est show`. */
export function addShowEst(est: Command, io: Io): void {
  est
    .command('show')
    .description('print the certificate of the EST server')
    .argument('[directory]', 'PKI directory, to use its factory and Factory API')
    .option('--pretty', 'print text instead of PEM')
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
