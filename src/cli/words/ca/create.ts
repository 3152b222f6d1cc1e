import { type Command, Option } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { collect } from '../../options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca create`. */
export function addCreate(ca: Command, io: Io): void {
  const create = ca
    .command('create')
    .description('create a Factory PKI, or finish an interrupted create')
    .argument('<directory>', 'the PKI directory, an absolute path; created if missing')
    .addOption(new Option('--online-ca', 'create online-ca, for devices that register online').default(true, 'yes'))
    .option('--no-online-ca', 'do not create online-ca')
    .addOption(new Option('--local-ca', 'create local-ca, for manufacturing').default(true, 'yes'))
    .option('--no-local-ca', 'do not create local-ca')
    .option('--tls-name <host>', "a DNS name or IP address of the embedded factory's gateway; repeatable", collect)
    .option('--encrypt-keys', 'encrypt the key files with a passphrase')
    .option('--root-cert <file>', 'use this root certificate instead of a new one')
    .option('--root-key <file>', 'the key of --root-cert; it is copied')
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
Creates in the PKI directory:
  factory_ca.key, factory_ca.pem  the root of trust; signs all of the others
  tls-crt                         server certificate of the device gateway
  online-crt                      online-ca: device CA for devices that register
                                  with the Factory API
  local-ca.key, local-ca.pem      local-ca: device CA for your own production
and gives the certificates to the Factory API.

Who owns which key:
  factory_ca.key, local-ca.key    you; the Factory API never sees them
  tls-crt, online-crt             the Factory API, which makes and keeps their
                                  keys; the embedded one keeps them in its
                                  state directory on this machine

Back up the PKI directory, encrypted and offline (\`fpki ca backup\`); with the
embedded Factory API that includes its state. Nobody can replace
factory_ca.key: if it is lost, no further CA or server certificate can be
signed, and every device must be flashed again. Whoever copies it can
impersonate your gateway. An HSM is recommended for it.

Examples:
  $ fpki ca create "$HOME/acme"
  $ fpki ca create /srv/pki/acme --factory acme --tls-name gateway.acme.example
  $ fpki ca create "$HOME/acme" --no-online-ca

With an existing root (docs/roots.md):
  fpki ca create "$HOME/acme" --root-cert root.pem --root-key root.key

With the root key in an HSM (docs/hsm.md):
  fpki ca create "$HOME/acme" --hsm-module /usr/lib/softhsm/libsofthsm2.so \\
    --hsm-token-label acme

Nothing is ever overwritten. If it is interrupted, run the same command again to
finish it.`
