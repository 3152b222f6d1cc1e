import type { Command } from 'commander'
import { withBackupPassphrases } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca restore`. */
export function addRestore(ca: Command, io: Io): void {
  const command = ca
    .command('restore')
    .description('restore a PKI from a backup')
    .argument('<file>', 'backup file')
    .argument('<directory>', 'PKI directory to create; new or empty')
    .option('--no-state', 'do not restore the state of the embedded factory')
    .option('--skip-root-key', 'do not test the root key, whose passphrase you do not have')
    .option('--recipient-key <key>', 'private key of a recipient')
  withBackupPassphrases(command)
    .addHelpText('after', EXAMPLE)
    .action(async (file, directory, _, command: Command) =>
      (await import('../../commands/ca/restore.js')).restore(file, directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca restore acme.backup "$HOME/again" --passphrase-file pass.txt
  $ fpki ca restore acme.backup "$HOME/b" --no-state --passphrase-file pass.txt

Checks the whole backup before writing anything, and overwrites nothing: if the
embedded factory already has state, that stays. Finally runs
\`fpki ca verify --offline\` on the new directory and exits with its status.`
