import type { Command } from 'commander'
import { collect } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca export-kit`. */
export function addExportKit(ca: Command, io: Io): void {
  ca.command('export-kit')
    .description('export one local CA and its lines as a kit for a plant')
    .argument('<directory>', 'PKI directory')
    .argument('<kit>', 'new directory for the kit')
    .requiredOption('--ca <name>', 'local CA that signs in the plant, such as site-b')
    .option('--line <name>', 'line of that CA to give to the kit; repeatable (default: all open ones)', collect)
    .option('--move-key', 'remove the key of the CA from the PKI directory and its history')
    .option('--store <url>', 'device register of the PKI directory; default: devices.sqlite in it')
    .addHelpText('after', EXAMPLE)
    .action(async (directory: string, kit: string, _, command: Command) =>
      (await import('../../commands/devices/index.js')).exportSiteKit(directory, kit, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca export-kit "$HOME/acme" "$HOME/kit" --ca local-ca
  $ fpki ca export-kit "$HOME/acme" "$HOME/kit" --ca local-ca --move-key

To give only one of its lines to the plant:
  fpki ca export-kit "$HOME/acme" /mnt/usb/kit --ca site-b --line line-1

In a kit, \`fpki devices issue\` works without the PKI directory and without a
network. The kit has factory_ca.pem, tls-crt, the CA with its key (an encrypted
key stays encrypted) and the lines with what is left of their quotas; never the
root key. The lines are paused in the PKI directory, so that no quota is used
twice. See docs/kit.md for the way back: \`fpki devices export\` and \`import\`.

If the command is interrupted, run it again.`
