import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { addDeviceCaCommand } from './device-ca-command.js'

/** Adds `fpki ca enable-device-ca`. */
export function addEnableDeviceCa(ca: Command, io: Io): void {
  addDeviceCaCommand(ca, io, {
    action: 'enable',
    description: 'enable device CAs that are disabled',
    example: '--ca-file local-ca.pem',
    remark: 'A revoked CA stays revoked; add a new one with `fpki ca add-device-ca`.',
  })
}
