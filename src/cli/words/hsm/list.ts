import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki hsm list`. */
export function addList(hsm: Command, io: Io): void {
  hsm
    .command('list')
    .description('list the tokens of a module, or of every module that is found')
    .option('--hsm-module <path>', 'the PKCS#11 module (FPKI_HSM_MODULE)')
    .option('--hsm-init-args <text>', 'initialisation arguments for the module (needed by NSS)')
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/hsm/index.js')).list(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki hsm list
  $ fpki hsm list --json`
