import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { withDeviceCaOptions } from './device-ca-options.js'

/** The words of `fpki ca revoke-device-ca`. */
export function addRevokeDeviceCa(ca: Command, io: Io): void {
  withDeviceCaOptions(
    ca.command('revoke-device-ca').description('revoke device CAs for good: the gateway refuses their devices'),
  )
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) => {
      const { changeCas } = await import('../../commands/ca/index.js')
      await changeCas('revoke', directory, command.optsWithGlobals(), io)
    })
}

const EXAMPLE = `
Examples:
  $ fpki ca revoke-device-ca "$HOME/acme" --ca-file local-ca.pem --yes
  $ fpki ca revoke-device-ca "$HOME/acme" --ca-file local-ca --dry-run --pretty

This cannot be undone. On a terminal it asks first. In a script, --yes is needed
to revoke the last device CA, the only online-ca or the only local-ca.`
