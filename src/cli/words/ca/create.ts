import { type Command, Option } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { collect } from '../../options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca create`. */
export function addCreate(ca: Command, io: Io): void {
  const create = ca
    .command('create')
    .description('make a Factory PKI, or bring an interrupted making to its end')
    .argument('<directory>', 'the PKI directory, an absolute path; made when missing')
    .addOption(new Option('--online-ca', 'make online-ca, for devices that register on-line').default(true, 'yes'))
    .option('--no-online-ca', 'make none')
    .addOption(new Option('--local-ca', 'make local-ca, for manufacturing').default(true, 'yes'))
    .option('--no-local-ca', 'make none')
    .option('--tls-name <host>', "a DNS name or IP address of the embedded factory's gateway; repeatable", collect)
    .option('--encrypt-keys', 'encrypt the key files with a passphrase')
    .option('--root-cert <file>', 'take this root certificate, and make none')
    .option('--root-key <file>', 'its key; it is copied')
    .addOption(new Option('--key-type <curve>', 'of a root key in a token').choices(['P-256', 'P-384']))
    .option('--local-ca-in-hsm', 'the key of local-ca goes into the token too')
    .option('--backup <file>', 'write an encrypted backup too, with a passphrase')
  withHsmOptions(create)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/index.js')).create(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca create "$HOME/acme"
  $ fpki ca create /srv/pki/acme --factory acme --tls-name gateway.acme.example
  $ fpki ca create "$HOME/acme" --no-online-ca

With a root that is there already (docs/roots.md):
  fpki ca create "$HOME/acme" --root-cert root.pem --root-key root.key

With the root key in an HSM (docs/hsm.md):
  fpki ca create "$HOME/acme" --hsm-module /usr/lib/softhsm/libsofthsm2.so \\
    --hsm-token-label acme

Nothing is ever overwritten. Interrupted? Run the same command again: it goes on
where it stopped.`
