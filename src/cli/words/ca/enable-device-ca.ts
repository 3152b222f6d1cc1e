import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { withDeviceCaOptions } from './device-ca-options.js'

/** The words of `fpki ca enable-device-ca`. */
export function addEnableDeviceCa(ca: Command, io: Io): void {
  withDeviceCaOptions(ca.command('enable-device-ca').description('enable device CAs that were disabled'))
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) => {
      const { changeCas } = await import('../../commands/ca/index.js')
      await changeCas('enable', directory, command.optsWithGlobals(), io)
    })
}

const EXAMPLE = `
Examples:
  $ fpki ca enable-device-ca "$HOME/acme" --ca-file local-ca.pem
  $ fpki ca enable-device-ca "$HOME/acme" --ca-file local-ca --dry-run --pretty

A CA that was revoked cannot be enabled; make another one.`
