import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki devices report`. */
export function addReport(devices: Command, io: Io): void {
  const report = devices
    .command('report')
    .description('compare the devices that a line issued with those that were shipped')
    .argument('<directory>', 'PKI directory or kit')
    .requiredOption('--line <name>', 'line that issued')
    .option('--from <time>', 'devices issued since this date or time, such as 2026-07-01')
    .option('--to <time>', 'devices issued before this date or time')
    .option('--shipped <file>', 'UUIDs, one per line, or CSV with a column uuid; - is stdin')
    .option('--out <file>', 'write the report to this new file, and its signature to FILE.sig')
  withHsmOptions(withStore(report))
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/devices/report.js')).report(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices report "$HOME/acme" --line default --from 2026-07-01
  $ fpki devices report "$HOME/acme" --line default --shipped shipped.csv
  $ fpki devices report "$HOME/acme" --line default --out july.txt

missing: issued, but not shipped. extra: shipped, but not issued. twice: listed
more than once, or issued more than one certificate.

With --out, the device CA of the line signs the report. To verify it:
  openssl x509 -in local-ca.pem -noout -pubkey > ca.pub
  openssl dgst -sha256 -verify ca.pub -signature july.txt.sig july.txt`
