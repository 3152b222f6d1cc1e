import type { Command } from 'commander'
import { collect } from '../../options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca backup`. */
export function addBackup(ca: Command, io: Io): void {
  ca.command('backup')
    .description('write an encrypted backup of a PKI, or prove one')
    .argument('[directory]', 'the PKI directory')
    .option('--out <file>', 'the backup, a new file')
    .option('--check <file>', 'prove this backup; nothing of it is written')
    .option('--recipient <cert>', 'who can open it, PEM or DER; repeatable', collect)
    .option('--recipient-key <key>', 'with --check: the key of such a certificate')
    .option('--pki-dir <directory>', 'with --check: record the proof in this directory')
    .option('--passphrase-file <file>', 'opens it; - is stdin (or FPKI_PASSPHRASE)')
    .option('--key-passphrase-file <file>', 'opens the root key, when it has another one')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/backup.js')).backup(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca backup "$HOME/acme" --out acme.backup --passphrase-file pass.txt
  $ fpki ca backup --check acme.backup --pki-dir "$HOME/acme" \\
      --passphrase-file pass.txt

For people with a certificate; a passphrase too when --passphrase-file says one:
  fpki ca backup "$HOME/acme" --out acme.backup \\
    --recipient ann.pem --recipient bob.pem
  fpki ca backup --check acme.backup --recipient-key ann.key

It holds the PKI directory and the state of the embedded factory, and is opened
and compared before fpki reports success.
\`openssl cms\` opens it too: docs/backup.md.`
