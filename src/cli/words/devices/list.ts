import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { withSelection } from './selection.js'

/** Adds `fpki devices list`. */
export function addListDevices(devices: Command, io: Io): void {
  const list = devices
    .command('list')
    .description('list devices in the device register')
    .argument('<directory>', 'PKI directory or kit')
    .option('--csv', 'print CSV')
  withSelection(list)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/devices/query.js')).listDevices(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices list "$HOME/acme" --since 2026-07-28
  $ fpki devices list "$HOME/acme" --line default --csv > devices.csv
  $ fpki devices list "$HOME/acme" --state active --expiring 90d --json

Devices are in the order of their UUIDs. The times are those of the newest
certificate of each.`
