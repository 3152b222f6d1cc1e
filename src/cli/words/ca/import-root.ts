import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca import-root`. */
export function addImportRoot(ca: Command, io: Io): void {
  const importRoot = ca
    .command('import-root')
    .description('move the root key from its file into an HSM')
    .argument('<directory>', 'the PKI directory, an absolute path')
    .option('--remove-key', 'remove factory_ca.key, once the token has signed with it')
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

The key file goes last, when the token has signed with the key. Interrupted? Run
the same command again.`
