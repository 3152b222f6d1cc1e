import { type Command, Option } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca root-csr`. */
export function addRootCsr(ca: Command, io: Io): void {
  const rootCsr = ca
    .command('root-csr')
    .description("make a root key, and a request that a company's CA is to sign")
    .argument('<directory>', 'the PKI directory; created if missing')
    .option('--out <file>', 'put the request there too; - is stdout')
    .option('--encrypt-keys', 'encrypt the key file with a passphrase')
    .addOption(new Option('--key-type <curve>', 'of a root key in a token').choices(['P-256', 'P-384']))
  withHsmOptions(rootCsr)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/index.js')).makeRootCsr(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca root-csr "$HOME/acme"
  $ fpki ca root-csr /srv/pki/acme --factory acme --out - > root.csr

When the company's CA has signed the request, go on with the certificate:
  fpki ca create "$HOME/acme" --root-cert signed.pem

Run again, it makes no second key and gives the same request (docs/roots.md).`
