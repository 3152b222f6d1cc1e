import type { Command } from 'commander'
import { withBackupDays, withWarnDays } from '../../options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca status`. */
export function addStatus(ca: Command, io: Io): void {
  const status = ca
    .command('status')
    .description('when certificates expire, for monitors and CI')
    .argument('[directories...]', 'PKI directories; none: ask the Factory API')
    .option('--prometheus', "metrics, for node_exporter's textfile collector")
  withBackupDays(withWarnDays(status))
    .addHelpText('after', EXAMPLE)
    .action(async (directories, _, command: Command) =>
      (await import('../../commands/ca/status.js')).status(directories, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca status "$HOME/acme" --warn-days 90
  $ fpki ca status --factory acme
  $ fpki ca status "$HOME/acme" --prometheus > fpki.prom

Is there a backup of the last 30 days? (docs/backup.md)
  fpki ca status "$HOME/acme" --backup-days 30

Exit codes: 0 all is well; 10 something expires within --warn-days, there is no
backup of --backup-days, or an interrupted command waits; 11 something has
expired or is not valid yet. What is missing or cannot be read has its usual
code, which outweighs 10.`
