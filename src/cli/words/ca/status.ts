import { type Command, Option } from 'commander'
import { withBackupDays, withWarnDays } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca status`. */
export function addStatus(ca: Command, io: Io): void {
  const status = ca
    .command('status')
    .description('report when certificates expire, for monitoring and CI')
    .argument('[directories...]', 'PKI directories; if omitted, query the Factory API')
    .option('--prometheus', 'print metrics for the textfile collector of node_exporter')
    .option('--ics <file>', 'write a calendar with reminders; replaces one that fpki wrote')
    .addOption(
      new Option(
        '--webhook <url>',
        'send a message when something is due; other users can see the URL (FPKI_WEBHOOK)',
      ).conflicts('webhookFile'),
    )
    .option('--webhook-file <file>', 'file with the URL of the webhook; - is stdin')
    .addOption(
      new Option('--webhook-format <format>', 'format of the message; default: json').choices([
        ...['json', 'slack', 'teams', 'mattermost'],
      ]),
    )
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

Reminders in a calendar and a chat (docs/reminders.md):
  $ fpki ca status "$HOME/acme" --ics acme.ics
  $ fpki ca status "$HOME/acme" --webhook-file url --webhook-format slack

To require a backup from the last 30 days (docs/backup.md):
  fpki ca status "$HOME/acme" --backup-days 30

Exits with 0 if all is well; 10 if a certificate expires within --warn-days, a
backup is due or an interrupted command waits to be resumed; 11 if a certificate
has expired or is not yet valid. Missing or unreadable files have their usual
exit code, and so has a message or a calendar that could not be delivered; both
take precedence over 10.`
