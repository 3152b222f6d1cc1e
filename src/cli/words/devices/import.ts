import type { Command } from 'commander'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki devices import`. */
export function addImportDevices(devices: Command, io: Io): void {
  const importing = devices
    .command('import')
    .description('record device certificates that a kit has issued')
    .argument('<directory>', 'PKI directory')
    .argument('<file>', 'file of `fpki devices export`')
  withStore(importing)
    .addHelpText('after', EXAMPLE)
    .action(async (directory: string, file: string, _, command: Command) =>
      (await import('../../commands/devices/index.js')).importIssued(directory, file, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices import "$HOME/acme" issued.jsonl
  $ fpki devices import "$HOME/acme" issued.jsonl --json > imported.json

Every certificate is checked: its profile, its signature, its path to
factory_ca.pem, and what the file says about it. Importing a file again changes
nothing. What a kit has issued beyond a quota is imported too, and reported.

Exit codes: 0 all imported or known; 12 some rows refused (the others are
imported), or a quota exceeded; 6 the file is damaged, and nothing was imported.`
