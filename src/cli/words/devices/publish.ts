import type { Command } from 'commander'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki devices publish`. */
export function addPublishDevices(devices: Command, io: Io): void {
  const publish = devices
    .command('publish')
    .description('inform the Factory API of the devices that wait for it')
    .argument('<directory>', 'PKI directory or kit')
  withStore(publish)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/devices/index.js')).publish(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  fpki devices publish "$HOME/acme" --api foundries
  fpki devices publish "$HOME/acme" --api https://api.example --json

The registration service does this itself. This command tries all devices that
wait at once, also those that the API has refused. A device that the API knows
with another key gets the state conflict, and is not sent again.

The exit code is 0 when no device waits any more, otherwise 4.`
