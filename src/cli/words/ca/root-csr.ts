import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { withEncryptKeys, withKeyType } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca root-csr`. */
export function addRootCsr(ca: Command, io: Io): void {
  const rootCsr = ca
    .command('root-csr')
    .description('create a root key and a CSR for a company CA to sign')
    .argument('<directory>', 'PKI directory; created if missing')
    .option('--out <file>', 'also write the CSR to this file; - is stdout')
  withHsmOptions(withKeyType(withEncryptKeys(rootCsr), 'a root key in an HSM'))
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/index.js')).makeRootCsr(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca root-csr "$HOME/acme"
  $ fpki ca root-csr /srv/pki/acme --factory acme --out - > root.csr

When the company CA has signed the CSR, continue with the certificate:
  fpki ca create "$HOME/acme" --root-cert signed.pem

A second run reuses the key and prints the same CSR. See docs/roots.md.`
