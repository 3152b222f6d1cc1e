import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki ca export`. */
export function addExport(ca: Command, io: Io): void {
  ca.command('export')
    .description('a local CA with its key as PKCS#12, for tools that want it')
    .argument('<directory>', 'the PKI directory')
    .requiredOption('--p12 <name>', 'which: local-ca, or the name of another local CA')
    .option('--out <file>', 'a new file (default: NAME.p12, here)')
    .option('--passphrase-file <file>', 'of key and file; - is stdin (or FPKI_PASSPHRASE)')
    .addHelpText('after', EXAMPLE)
    .action(async (directory: string, _, command: Command) =>
      (await import('../../commands/ca/export.js')).exportLocalCa(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca export "$HOME/acme" --p12 local-ca --passphrase-file phrase
  $ fpki ca export acme --p12 local-ca --out ca.p12 --passphrase-file phrase

The file has the key, its certificate and factory_ca, under AES-256 and a MAC
with SHA-256. An encrypted local-ca.key is opened with the same passphrase.
OpenSSL, GnuTLS, NSS and Java open it; Java if the passphrase is ASCII.`
