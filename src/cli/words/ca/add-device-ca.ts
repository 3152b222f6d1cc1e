import { type Command, Option } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca add-device-ca`. */
export function addAddDeviceCa(ca: Command, io: Io): void {
  const add = ca
    .command('add-device-ca')
    .description('add an online-ca, a local-ca or both')
    .argument('<directory>', 'PKI directory')
    .addOption(new Option('--online-ca', 'add an online-ca').default(false, 'no'))
    .option('--no-online-ca', 'do not add an online-ca')
    .addOption(new Option('--local-ca', 'add a local-ca').default(false, 'no'))
    .option('--no-local-ca', 'do not add a local-ca')
    .option('--local-ca-filename <name>', 'file name of the certificate; NAME.pem gets NAME.key', 'local-ca.pem')
    .option('--crl-sign', 'let the local-ca sign CRLs, for gateways that check them')
  withHsmOptions(add)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/index.js')).addCa(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca add-device-ca "$HOME/acme" --local-ca --local-ca-filename site-b.pem
  $ fpki ca add-device-ca "$HOME/acme" --online-ca

Existing device CAs stay active. The previous online-crt is kept as
online-crt.bak, or online-crt.bak.1 and so on.

A local-ca with --crl-sign signs CRLs of its devices: \`fpki devices publish\`.
Whether the Factory API of Foundries accepts it is unknown.`
