import { type Command, Option } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { withStore, withWarnDays } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca report`. */
export function addReportOnPki(ca: Command, io: Io): void {
  const report = ca
    .command('report')
    .description('write a report on a PKI for auditors: keys, certificates, findings, log, devices')
    .argument('<directory>', 'PKI directory or kit')
    .option('--out <file>', 'write the report to this new file; default: stdout')
    .addOption(
      new Option('--format <format>', 'format; default: by the name of --out, else html').choices([
        'html',
        'md',
        'json',
        'csv',
      ]),
    )
    .option('--sign', 'sign the report with the root key; the signature is written to FILE.sig')
  withHsmOptions(withStore(withWarnDays(report)))
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/report.js')).reportOnPki(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca report "$HOME/acme" --out report.html
  $ fpki ca report "$HOME/acme" --out signed.html --sign
  $ fpki ca report "$HOME/acme" --out report.csv
  $ fpki ca report "$HOME/acme" --format json

The page has no scripts and loads nothing; it prints on A4. Nobody is contacted,
and without --sign no passphrase and no token is used. Findings do not affect
the exit code: that is what \`fpki ca verify\` is for. docs/report.md describes
each section.

To verify the signature:
  openssl x509 -in factory_ca.pem -noout -pubkey > root.pub
  openssl dgst -sha256 -verify root.pub -signature signed.html.sig signed.html`
