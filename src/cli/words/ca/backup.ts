import type { Command } from 'commander'
import { collect, withBackupPassphrases } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca backup`. */
export function addBackup(ca: Command, io: Io): void {
  const command = ca
    .command('backup')
    .description('write or check an encrypted backup of a PKI')
    .argument('[directory]', 'PKI directory')
    .option('--out <file>', 'write the backup to this new file')
    .option('--no-devices', 'leave out the device register')
    .option('--check <file>', 'check this backup without extracting it')
    .option('--recipient <cert>', 'certificate of a recipient, PEM or DER; repeatable', collect)
    .option('--recipient-key <key>', 'with --check: private key of a recipient')
    .option('--pki-dir <directory>', 'with --check: record the result in this PKI directory')
  withBackupPassphrases(command)
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

To encrypt for recipients; add --passphrase-file to allow a passphrase too:
  fpki ca backup "$HOME/acme" --out acme.backup \\
    --recipient ann.pem --recipient bob.pem
  fpki ca backup --check acme.backup --recipient-key ann.key

The backup contains the PKI directory with its device register, and the state of
the embedded factory.
fpki decrypts it and compares the contents before reporting success.
\`openssl cms\` can decrypt it too: see docs/backup.md.`
