import type { Command } from 'commander'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki devices show`. */
export function addShowDevice(devices: Command, io: Io): void {
  const show = devices
    .command('show')
    .description('show a device with all its certificates')
    .argument('<directory>', 'PKI directory or kit')
    .argument('<uuid>', 'UUID of the device')
    .option('--csv', 'print CSV')
  withStore(show)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, uuid, _, command: Command) =>
      (await import('../../commands/devices/query.js')).showDevice(directory, uuid, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices show "$HOME/acme" 0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001
  $ fpki devices show "$HOME/acme" 0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001 --json

With --csv, there is a row for each certificate of the device.`
