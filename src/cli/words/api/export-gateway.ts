import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki api export-gateway`. */
export function addExportGateway(api: Command, io: Io): void {
  api
    .command('export-gateway')
    .description('write what a device gateway needs of an embedded factory, for nginx')
    .argument('<factory>', 'an embedded factory')
    .argument('<directory>', 'a new or empty one; holds a secret key')
    .option('--replace', 'bring an earlier export up to date')
    .option('--listen <address>', 'PORT, HOST:PORT or [ADDRESS]:PORT (default: 8443)')
    .option('--upstream <url>', "where devices' requests go (default: http://127.0.0.1:8080)")
    .option('--at <directory>', 'where nginx finds it, when that is elsewhere')
    .addHelpText('after', EXAMPLE)
    .action(async (factory, directory, _, command: Command) =>
      (await import('../../commands/config/index.js')).exportGateway(factory, directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki api export-gateway acme "$HOME/gateway"
  $ fpki api export-gateway acme "$HOME/gateway" --replace --at /etc/gateway

With --replace, --listen, --upstream and --at keep the values of the earlier
export unless they are given again.

Devices of a CA that is disabled or revoked come in until it is exported again
and nginx has read it: nginx -t && nginx -s reload. The guide: docs/gateway.md`
