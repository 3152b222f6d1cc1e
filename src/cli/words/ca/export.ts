import type { Command } from 'commander'
import { withPassphraseFile } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca export`. */
export function addExport(ca: Command, io: Io): void {
  const command = ca
    .command('export')
    .description('export a local CA and its key as PKCS#12')
    .argument('<directory>', 'PKI directory')
    .requiredOption('--p12 <name>', 'name of the local CA, such as local-ca')
    .option('--out <file>', 'write to this new file (default: NAME.p12)')
  withPassphraseFile(command, 'key and export')
    .addHelpText('after', EXAMPLE)
    .action(async (directory: string, _, command: Command) =>
      (await import('../../commands/ca/export.js')).exportLocalCa(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca export "$HOME/acme" --p12 local-ca --passphrase-file phrase
  $ fpki ca export acme --p12 local-ca --out ca.p12 --passphrase-file phrase

The file contains the key, its certificate and factory_ca, encrypted with
AES-256 and authenticated with HMAC-SHA-256. If local-ca.key is encrypted, the
same passphrase decrypts it. OpenSSL, GnuTLS and NSS can read the file; so can
Java if the passphrase is ASCII.`
