import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'
import { parseDuration } from '../lines/line-options.js'

/** Adds `fpki devices publish`. */
export function addPublishDevices(devices: Command, io: Io): void {
  const publish = devices
    .command('publish')
    .description('write the deny lists of gateways, or inform the Factory API of devices')
    .argument('<directory>', 'PKI directory or kit')
    .option('--nginx-map <file>', 'write a deny list for nginx')
    .option('--crl <file>', 'write a CRL: DER if the name ends in .der or .crl, otherwise PEM')
    .option('--ca <file>', 'certificate file of the device CA of the CRL; default: local-ca.pem')
    .option('--crl-validity <time>', 'how long the CRL is valid, such as 12h; default: 7d', parseDuration)
    .option('--foundries', 'inform the Factory API; the default without --nginx-map and --crl')
  withHsmOptions(withStore(publish))
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/devices/index.js')).publish(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices publish "$HOME/acme" --nginx-map denied.map
  fpki devices publish "$HOME/acme" --crl site-b.crl --ca site-b.pem
  fpki devices publish "$HOME/acme" --api https://api.example --json

The lists have all certificates that are revoked and have not expired: those of
denied devices, and those that a newer one has superseded. They replace earlier
ones atomically. Run the command from cron, and reload the gateway: see
docs/denial.md. A CRL needs a device CA that was added with --crl-sign.

The registration service informs the Factory API itself. This command tries all
devices that wait at once, also those that the API has refused. A device that
the API knows with another key gets the state conflict, and is not sent again.

The exit code is 0 when no device waits any more, otherwise 4.`
