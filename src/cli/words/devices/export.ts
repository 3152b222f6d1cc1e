import { type Command, Option } from 'commander'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

const FORMATS = ['transfer', 'sota', 'pem', 'csv', 'jsonl', 'tar']

/** Adds `fpki devices export`. */
export function addExportDevices(devices: Command, io: Io): void {
  const exporting = devices
    .command('export')
    .description('write device certificates to a file, from the register')
    .argument('<directory>', 'PKI directory or kit')
    .requiredOption('--out <target>', 'write to this new file, or with another format to this folder; - is stdout')
    .option('--since <time>', 'only certificates issued at or after this date or time')
    .addOption(new Option('--out-format <name>', 'see below').choices(FORMATS).default('transfer'))
    .option('--ca <name>', 'with another format: local CA whose devices to write')
    .option('--gateway <url>', 'with sota and tar: device gateway')
    .option('--ostree <url>', 'with sota and tar: OSTree server')
  withStore(exporting)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/devices/index.js')).exportIssued(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices export "$HOME/acme" --out issued.jsonl
  $ fpki devices export "$HOME/acme" --since 2026-11-01 --out new.jsonl
  $ fpki devices export "$HOME/acme" --out devices/ --out-format sota

The format transfer is for \`fpki devices import\`: all certificates with what the
register knows of their devices, and a checksum. The other formats are those of
\`fpki devices issue\`, with the current certificate of each device. No format
contains keys: the register has none.`
