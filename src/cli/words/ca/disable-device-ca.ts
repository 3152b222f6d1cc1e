import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { addDeviceCaCommand } from './device-ca-command.js'

/** Adds `fpki ca disable-device-ca`. */
export function addDisableDeviceCa(ca: Command, io: Io): void {
  addDeviceCaCommand(ca, io, {
    action: 'disable',
    description: 'disable device CAs until they are enabled again',
    example: '--ca-file local-ca.pem',
    remark:
      'The gateway refuses the devices of a disabled CA until you enable it again with\n`fpki ca enable-device-ca`.',
  })
}
