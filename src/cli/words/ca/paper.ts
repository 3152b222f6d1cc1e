import type { Command } from 'commander'
import { withPassphraseFile } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca paper`. */
export function addPaper(ca: Command, io: Io): void {
  const command = ca
    .command('paper')
    .description('print the root key on paper, or restore it from paper')
    .argument('[directory]', 'PKI directory')
    .requiredOption('--out <path>', 'new file to write (with --shares, a new directory)')
    .option('--plain', 'print the key unencrypted')
    .option('--shares <k/n>', 'print n sheets, any k of which restore the key')
    .option('--restore <file>', 'restore the key from typed lines or QR codes; - is stdin')
    .option('--cert <file>', 'with --restore: certificate that the key must match')
    .option('--encrypt-keys', 'with --restore: encrypt the restored key')
  withPassphraseFile(command, 'the sheet')
    .addHelpText('after', EXAMPLE)
    .action(async (directory: string | undefined, _, command: Command) =>
      (await import('../../commands/ca/paper.js')).paper(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca paper "$HOME/acme" --shares 3/5 --out sheets
  $ fpki ca paper "$HOME/acme" --plain --out sheet.html
  fpki ca paper --restore typed.txt --cert factory_ca.pem --out factory_ca.key

Print the sheets with a browser, one A4 page each. A sheet has the key as a QR
code and as lines to type, encrypted with your passphrase or, with --shares,
with a random secret that is split among them. Each line has a checksum, so that
a typing error is reported with its line. See docs/ceremony.md.`
