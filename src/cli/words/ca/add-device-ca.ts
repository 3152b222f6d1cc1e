import { type Command, Option } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca add-device-ca`. */
export function addAddDeviceCa(ca: Command, io: Io): void {
  const add = ca
    .command('add-device-ca')
    .description('add an online-ca, a local-ca, or both to those that there are')
    .argument('<directory>', 'the PKI directory')
    .addOption(new Option('--online-ca', 'add an online-ca').default(false, 'no'))
    .option('--no-online-ca', 'add none')
    .addOption(new Option('--local-ca', 'add a local-ca').default(false, 'no'))
    .option('--no-local-ca', 'add none')
    .option('--local-ca-filename <name>', 'its file in the directory; NAME.pem has its key in NAME.key', 'local-ca.pem')
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

The device CAs that there are go on working. An earlier online-crt is kept as
online-crt.bak, online-crt.bak.1 and so on.`
