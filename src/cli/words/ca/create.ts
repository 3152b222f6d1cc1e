import { type Command, Option } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { withEncryptKeys, withKeyType, withTlsName } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca create`. */
export function addCreate(ca: Command, io: Io): void {
  const create = ca
    .command('create')
    .description('create a Factory PKI, or resume an interrupted create')
    .argument('<directory>', 'absolute path of the PKI directory; created if missing')
    .addOption(new Option('--online-ca', 'create online-ca, for devices that register online').default(true, 'yes'))
    .option('--no-online-ca', 'do not create online-ca')
    .addOption(new Option('--local-ca', 'create local-ca, for manufacturing').default(true, 'yes'))
    .option('--no-local-ca', 'do not create local-ca')
  withEncryptKeys(withTlsName(create, 'tls-crt'))
    .option('--root-cert <file>', 'use this root certificate instead of creating one')
    .option('--root-key <file>', 'private key of --root-cert; fpki copies it')
  withKeyType(create, 'a root key in an HSM')
    .option('--local-ca-in-hsm', 'create the key of local-ca in the HSM too')
    .option('--backup <file>', 'also write a backup, encrypted with a passphrase')
  withHsmOptions(create)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/index.js')).create(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Creates these files in the PKI directory, and uploads the certificates to the
Factory API:
  factory_ca.key, factory_ca.pem  root of trust; signs all other certificates
  tls-crt                         server certificate of the device gateway
  online-crt                      online-ca: device CA for devices that register
                                  with the Factory API
  local-ca.key, local-ca.pem      local-ca: device CA for your own production

Who owns which key:
  factory_ca.key, local-ca.key    you; the Factory API never sees them
  tls-crt, online-crt             the Factory API, which generates and stores
                                  the keys; the embedded one stores them in its
                                  state directory on this machine

Back up the PKI directory (\`fpki ca backup\`) and store the backup offline. With
the embedded Factory API, the backup includes its state. factory_ca.key is
irreplaceable: if you lose it, you can sign no more CA or server certificates
and must re-flash every device. Anyone who copies it can impersonate your
gateway. Keep it in an HSM if possible.

Examples:
  $ fpki ca create "$HOME/acme"
  $ fpki ca create /srv/pki/acme --factory acme --tls-name gateway.acme.example
  $ fpki ca create "$HOME/acme" --no-online-ca

With an existing root (docs/roots.md):
  fpki ca create "$HOME/acme" --root-cert root.pem --root-key root.key

With the root key in an HSM (docs/hsm.md):
  fpki ca create "$HOME/acme" --hsm-module /usr/lib/softhsm/libsofthsm2.so \\
    --hsm-token-label acme

Existing files are never overwritten. To finish an interrupted create, run the
same command again.`
