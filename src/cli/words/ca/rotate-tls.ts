import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { collect, withIfExpiring } from '../../options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca rotate-tls`. */
export function addRotateTls(ca: Command, io: Io): void {
  const rotateTls = ca
    .command('rotate-tls')
    .description('give the device gateway a new key and server certificate, tls-crt')
    .argument('<directory>', 'the PKI directory')
    .option('--tls-name <host>', "a DNS name or IP address of the embedded factory's gateway; repeatable", collect)
  withHsmOptions(withIfExpiring(rotateTls))
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/index.js')).rotateTls(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca rotate-tls "$HOME/acme"
  $ fpki ca rotate-tls "$HOME/acme" --tls-name gateway.acme.example
  $ fpki ca rotate-tls "$HOME/acme" --if-expiring 60

With --if-expiring it can run every day: nothing changes before fewer days are
left or a --tls-name is missing; an interrupted run is finished first.

The earlier tls-crt is kept as tls-crt.bak, tls-crt.bak.1 and so on. Nothing in
the directory changes before the Factory API has taken the new one.`
