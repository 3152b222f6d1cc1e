import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki ca restore`. */
export function addRestore(ca: Command, io: Io): void {
  ca.command('restore')
    .description('put a PKI back from its backup')
    .argument('<file>', 'the backup')
    .argument('<directory>', 'the PKI directory to be; new or empty')
    .option('--no-state', 'leave the state of the embedded factory out')
    .option('--skip-root-key', 'do not try the root key: its passphrase is not at hand')
    .option('--recipient-key <key>', 'the key of a certificate that it was made for')
    .option('--passphrase-file <file>', 'opens it; - is stdin (or FPKI_PASSPHRASE)')
    .option('--key-passphrase-file <file>', 'opens the root key, when it has another one')
    .addHelpText('after', EXAMPLE)
    .action(async (file, directory, _, command: Command) =>
      (await import('../../commands/ca/restore.js')).restore(file, directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca restore acme.backup "$HOME/again" --passphrase-file pass.txt
  $ fpki ca restore acme.backup "$HOME/b" --no-state --passphrase-file pass.txt

Everything is checked before anything is written, and nothing is overwritten:
the state of an embedded factory that is there already stays. It ends as
\`fpki ca verify --offline\` of the new directory does.`
