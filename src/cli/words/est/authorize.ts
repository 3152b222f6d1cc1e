import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { collect, withIfExpiring } from '../../options.js'
import type { Io } from '../../output.js'

/** The words of `fpki est authorize`. */
export function addAuthorize(est: Command, io: Io): void {
  const authorize = est
    .command('authorize')
    .description('sign a server certificate for the EST server, est-tls-crt')
    .argument('<directory>', 'the PKI directory')
    .option('--tls-name <host>', "a DNS name or IP address of the embedded factory's EST server; repeatable", collect)
  withHsmOptions(withIfExpiring(authorize))
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/index.js')).authorizeEst(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki est authorize "$HOME/acme"
  $ fpki est authorize "$HOME/acme" --tls-name est.acme.example
  $ fpki est authorize "$HOME/acme" --if-expiring 60

With --if-expiring it can run every day: nothing changes before fewer days are
left or a --tls-name is missing; an interrupted run is finished first.

Run again, it gives the EST server a new key; the earlier certificate is kept as
est-tls-crt.bak, est-tls-crt.bak.1 and so on.`
