import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { addDeviceCaCommand } from './device-ca-command.js'

/** Adds `fpki ca revoke-device-ca`. */
export function addRevokeDeviceCa(ca: Command, io: Io): void {
  addDeviceCaCommand(ca, io, {
    action: 'revoke',
    description: 'revoke device CAs permanently',
    example: '--ca-file local-ca.pem --yes',
    remark: `Revocation is permanent: the gateway refuses every device of a revoked CA. On a
terminal, the command asks for confirmation. In a script, pass --yes to revoke
the last device CA, the only online-ca or the only local-ca.`,
  })
}
