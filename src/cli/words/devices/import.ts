import type { Command } from 'commander'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki devices import`. */
export function addImportDevices(devices: Command, io: Io): void {
  const importing = devices
    .command('import')
    .description('record devices that a kit, or factory-registration-ref, has registered')
    .argument('<directory>', 'PKI directory')
    .argument('[file]', 'file of `fpki devices export`')
    .option('--registration-ref <folder>', 'instead of a file: DEVICES_DIR of factory-registration-ref')
    .option('--line <name>', 'line of these devices, with --registration-ref; default: the only one')
  withStore(importing)
    .addHelpText('after', EXAMPLE)
    .action(async (directory: string, file: string | undefined, _, command: Command) =>
      (await import('../../commands/devices/index.js')).importIssued(directory, file, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices import "$HOME/acme" issued.jsonl
  $ fpki devices import "$HOME/acme" issued.jsonl --json > imported.json
  fpki devices import "$HOME/acme" --registration-ref devices --line line-1

Every certificate is checked: its profile, its signature, its path to
factory_ca.pem, and what the file says about it. Importing a file again changes
nothing. What a kit has issued beyond a quota is imported too, and reported.

factory-registration-ref keeps the UUID and the public key of each device, and
no certificate. Such a device is "external": when it registers again with that
key, it gets a certificate; another key is refused. The line \`default\` is never
used by \`devices serve\`, so it must be named.

Exit codes: 0 all imported or known; 12 some rows refused (the others are
imported), or a quota exceeded; 6 the file is damaged, and nothing was imported.`
