import { type Command, Option } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki ca log` and `fpki ca log verify`. */
export function addLog(ca: Command, io: Io): void {
  const kinds = ['found', 'begun-anew', 'certificate', 'crl', 'refused', 'event', 'repaired']
  const log = ca
    .command('log')
    .description('the audit log: all that was ever signed, and all that was refused')
    .argument('<directory>', 'the PKI directory')
    .option('--serial <serial>', 'of this certificate only; base 10, 0x… or aa:bb:…')
    .option('--since <time>', 'from this day or time on, 2026-07-28')
    .addOption(new Option('--kind <kind>', 'of this kind only').choices(kinds))
    .option('--csv', 'a row for each certificate, as a spreadsheet reads it')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/records.js')).log(directory, command.optsWithGlobals(), io),
    )
  log
    .command('verify')
    .description('check that no line was changed, removed, swapped or cut off')
    .argument('<directory>', 'the PKI directory')
    .addHelpText('after', VERIFY_EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/records.js')).verifyLog(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca log "$HOME/acme" --kind certificate
  $ fpki ca log "$HOME/acme" --since 2026-01-01 --csv > signed.csv

\`fpki ca log verify\` checks it; a directory called verify is ./verify.`

const VERIFY_EXAMPLE = `
Examples:
  $ fpki ca log verify "$HOME/acme"
  $ fpki ca log verify "$HOME/acme" --json

Exit code 6 when it is not intact; the line is named. Nothing is changed.`
