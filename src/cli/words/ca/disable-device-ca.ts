import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { withDeviceCaOptions } from './device-ca-options.js'

/** The words of `fpki ca disable-device-ca`. */
export function addDisableDeviceCa(ca: Command, io: Io): void {
  withDeviceCaOptions(ca.command('disable-device-ca').description('disable device CAs, until they are enabled again'))
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) => {
      const { changeCas } = await import('../../commands/ca/index.js')
      await changeCas('disable', directory, command.optsWithGlobals(), io)
    })
}

const EXAMPLE = `
Examples:
  $ fpki ca disable-device-ca "$HOME/acme" --ca-file local-ca.pem
  $ fpki ca disable-device-ca "$HOME/acme" --ca-file local-ca --dry-run --pretty

The gateway refuses the devices of a disabled CA; \`fpki ca enable-device-ca\`
takes it back.`
