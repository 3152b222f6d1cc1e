import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { collect, withYes } from '../../options.js'
import type { Io } from '../../output.js'

/** How `--help` presents one of the commands that change the state of device CAs. */
interface DeviceCaWords {
  readonly action: 'revoke' | 'disable' | 'enable'
  readonly description: string
  /** The options of the first example. */
  readonly example: string
  readonly remark: string
}

/** Adds `fpki ca revoke-device-ca`, `disable-device-ca` or `enable-device-ca`. */
export function addDeviceCaCommand(ca: Command, io: Io, { action, description, example, remark }: DeviceCaWords): void {
  const command = ca
    .command(`${action}-device-ca`)
    .description(description)
    .argument('<directory>', 'PKI directory')
    .option('--ca-file <name>', 'certificate file, in the PKI directory or a full path; repeatable', collect)
    .option('--ca-serial <serial>', 'serial number: decimal, 0x… or aa:bb:…; repeatable', collect)
    .option('--dry-run', 'print the CRL without changing anything')
    .option('--pretty', 'with --dry-run: print the CRL as text')
  withHsmOptions(withYes(command))
    .addHelpText(
      'after',
      `
Examples:
  $ fpki ca ${action}-device-ca "$HOME/acme" ${example}
  $ fpki ca ${action}-device-ca "$HOME/acme" --ca-file local-ca --dry-run --pretty

${remark}`,
    )
    .action(async (directory, _, command: Command) => {
      const { changeCas } = await import('../../commands/ca/index.js')
      await changeCas(action, directory, command.optsWithGlobals(), io)
    })
}
