import type { Command } from 'commander'
import type { Io } from '../../output.js'
import { withSelection } from './selection.js'

/** Adds `fpki devices count`. */
export function addCountDevices(devices: Command, io: Io): void {
  const count = devices
    .command('count')
    .description('count devices in the device register')
    .argument('<directory>', 'PKI directory or kit')
    .option('--csv', 'print CSV')
  withSelection(count)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/devices/query.js')).countDevices(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices count "$HOME/acme"
  $ fpki devices count "$HOME/acme" --line default --since 2026-07-28 --json
  $ fpki devices count "$HOME/acme" --state active --csv`
