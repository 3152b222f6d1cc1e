import { type Command, Option } from 'commander'
import { withStore, withYes } from '../../options.js'
import type { Io } from '../../output.js'

const load = () => import('../../commands/devices/index.js')

/** Those of src/devices/denial.ts, which is not loaded for every start. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
]

/** Adds `fpki devices deny`. */
export function addDenyDevices(devices: Command, io: Io): void {
  const deny = withNames(devices.command('deny').description('deny devices: their certificates are revoked')).addOption(
    new Option('--reason <reason>', 'why, as RFC 5280 names it')
      .choices(REASONS)
      .default('certificateHold', 'certificateHold, which can be ended'),
  )
  withYes(deny)
    .addHelpText('after', DENY)
    .action(async (directory, uuids, _, command: Command) =>
      (await load()).deny(directory, uuids, command.optsWithGlobals(), io),
    )
}

/** Adds `fpki devices allow`. */
export function addAllowDevices(devices: Command, io: Io): void {
  withNames(devices.command('allow').description('end the denial of devices that are on hold'))
    .addHelpText('after', ALLOW)
    .action(async (directory, uuids, _, command: Command) =>
      (await load()).allow(directory, uuids, command.optsWithGlobals(), io),
    )
}

function withNames(command: Command): Command {
  return withStore(
    command
      .argument('<directory>', 'PKI directory or kit')
      .argument('[uuid...]', 'UUIDs of devices')
      .option('--from <file>', 'list of UUIDs, one a line; - is stdin')
      .option('--dry-run', 'check the devices, and change nothing'),
  )
}

const DENY = `
Examples:
  $ fpki devices deny "$HOME/acme" 0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001
  $ fpki devices deny "$HOME/acme" --from uuids.txt --reason keyCompromise --yes
  $ fpki devices deny "$HOME/acme" --from uuids.txt --dry-run

A denied device gets no other certificate, and all that it has are revoked. If
one of the devices is not in the register, nothing is changed.

certificateHold puts a device on hold until \`fpki devices allow\`. Any other
reason is for ever, which must be confirmed; scripts pass --yes.

fpki's own services refuse the device at once. Gateways need a new list: see
\`fpki devices publish --help\` and docs/denial.md.`

const ALLOW = `
Examples:
  $ fpki devices allow "$HOME/acme" 0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001
  $ fpki devices allow "$HOME/acme" --from uuids.txt --json

Only certificateHold can be ended. If one of the devices is denied for another
reason, or is not in the register, nothing is changed.

Gateways accept the devices when they have a new list: see
\`fpki devices publish --help\`.`
