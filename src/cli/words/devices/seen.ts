import type { Command } from 'commander'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki devices seen`. */
export function addSeenDevices(devices: Command, io: Io): void {
  const seen = devices
    .command('seen')
    .description('record which certificates a gateway has seen')
    .argument('<directory>', 'PKI directory or kit')
    .requiredOption('--from <log>', 'log of a gateway, or list of serial numbers or fingerprints; - is stdin')
  withStore(seen)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/devices/index.js')).seen(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices seen "$HOME/acme" --from seen.log
  $ fpki devices seen "$HOME/acme" --from seen.log --json

A device that has used a renewed certificate does not need the one before, which
ends then; otherwise it ends with the overlap. In nginx, for verified ones only:
  map $ssl_client_verify $fpki_seen { SUCCESS 1; default ""; }
  log_format seen '$time_iso8601 $ssl_client_serial';
  access_log /var/log/nginx/seen.log seen if=$fpki_seen;

A line has a serial number or a fingerprint (SHA-1 or SHA-256), hex with or
without colons, and perhaps a time. Other lines are counted and ignored. The log
may be compressed with gzip; reading it again changes nothing.`
