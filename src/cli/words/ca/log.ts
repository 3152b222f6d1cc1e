import { type Command, Option } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki ca log` and `fpki ca log verify`. */
export function addLog(ca: Command, io: Io): void {
  const kinds = ['found', 'begun-anew', 'certificate', 'crl', 'refused', 'event', 'repaired']
  const log = ca
    .command('log')
    .description('show the audit log: everything signed and everything refused')
    .argument('<directory>', 'PKI directory')
    .option('--serial <serial>', 'only entries for this serial number: decimal, 0x… or aa:bb:…')
    .option('--since <time>', 'only entries since this date or time, such as 2026-07-28')
    .addOption(new Option('--kind <kind>', 'only entries of this kind').choices(kinds))
    .option('--csv', 'print CSV, one row per certificate')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/records.js')).log(directory, command.optsWithGlobals(), io),
    )
  log
    .command('verify')
    .description('verify the hash chain and signatures of the audit log')
    .argument('<directory>', 'PKI directory')
    .addHelpText('after', VERIFY_EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/records.js')).verifyLog(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca log "$HOME/acme" --kind certificate
  $ fpki ca log "$HOME/acme" --since 2026-01-01 --csv > signed.csv

Check the audit log with \`fpki ca log verify\`. For a PKI directory named verify,
write ./verify.`

const VERIFY_EXAMPLE = `
Examples:
  $ fpki ca log verify "$HOME/acme"
  $ fpki ca log verify "$HOME/acme" --json

Detects changed, removed, reordered and truncated lines, and names the first bad
line. Exits with 6 if the log is not intact. Changes nothing.`
