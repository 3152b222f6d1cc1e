import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca cross-sign`. */
export function addCrossSign(ca: Command, io: Io): void {
  const crossSign = ca
    .command('cross-sign')
    .description('let the roots of two PKI directories sign each other')
    .argument('<directory>', 'PKI directory')
    .requiredOption('--with <directory>', 'PKI directory of the other root')
    .option('--with-passphrase-file <file>', 'file with the passphrase of the other root key, if different')
    .option('--with-hsm-pin-file <file>', 'file with the PIN for the other root key, if different')
    .option('--with-hsm-uri <uri>', 'the other root key in an HSM as an RFC 7512 URI, if not recorded')
  withHsmOptions(crossSign)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) => {
      const { crossSign: run } = await import('../../commands/ca/index.js')
      await run(directory, command.optsWithGlobals(), io)
    })
}

const EXAMPLE = `
Writes a cross-certificate to each directory, signed by its root:
factory_ca.cross-XXXXXXXX.pem, with the first digits of the SHA-256 of the other
root's public key. Who trusts one root and has its cross-certificate accepts
what the other root has issued (docs/roots.md). Run it again to finish or to
renew.

Example:
  $ fpki ca cross-sign "$HOME/acme" --with "$HOME/acme-2027"`
