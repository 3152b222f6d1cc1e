import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { withYes } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca renew-root`. */
export function addRenewRoot(ca: Command, io: Io): void {
  const renewRoot = ca
    .command('renew-root')
    .description('issue a new root certificate for the same key')
    .argument('<directory>', 'PKI directory')
    .option('--dry-run', 'report what would be signed without changing anything')
  withHsmOptions(withYes(renewRoot))
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) => {
      const { renewRoot: run } = await import('../../commands/ca/index.js')
      await run(directory, command.optsWithGlobals(), io)
    })
}

const EXAMPLE = `
For a root that expires. Existing certificates verify with the earlier and the
new certificate (docs/roots.md). The Factory API of Foundries sets a root once,
and devices trust the earlier certificate until an update gives them the new
one. The earlier one is kept as factory_ca.pem.bak.

Examples:
  $ fpki ca renew-root "$HOME/acme" --dry-run
  $ fpki ca renew-root "$HOME/acme" --yes`
