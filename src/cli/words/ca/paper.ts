import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki ca paper`. */
export function addPaper(ca: Command, io: Io): void {
  ca.command('paper')
    .description('print the root key on paper, or type it in from there')
    .argument('[directory]', 'the PKI directory')
    .requiredOption('--out <path>', 'a new file (a directory with --shares)')
    .option('--plain', 'print the key without encrypting it')
    .option('--shares <k/n>', 'n sheets, any k of which give the key back')
    .option('--restore <file>', 'get the key back from lines or QR codes; - is stdin')
    .option('--cert <file>', 'with --restore: factory_ca.pem, to compare the key with')
    .option('--encrypt-keys', 'with --restore: encrypt a key that came out in the clear')
    .option('--passphrase-file <file>', 'of the sheet; - is stdin (or FPKI_PASSPHRASE)')
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

A browser prints the sheets, one page of A4 each: the key as a QR code and as
lines to type, under a passphrase or, with --shares, under one that nobody ever
sees. A typing mistake is reported with its line. See docs/ceremony.md.`
