import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca import-root`. */
export function addImportRoot(ca: Command, io: Io): void {
  const importRoot = ca
    .command('import-root')
    .description('import the root key from its file into an HSM')
    .argument('<directory>', 'PKI directory')
    .option('--remove-key', 'delete factory_ca.key after the token has signed with the key')
  withHsmOptions(importRoot)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) => {
      const { importRootKey } = await import('../../commands/hsm/index.js')
      await importRootKey(directory, command.optsWithGlobals(), io)
    })
}

const EXAMPLE = `
Example:
  fpki ca import-root "$HOME/acme" --hsm-token-label acme \\
    --hsm-module /usr/lib/softhsm/libsofthsm2.so --remove-key

The key file is deleted last, after the token has signed with the key. If the
command is interrupted, run it again.`
