import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki api export-gateway`. */
export function addExportGateway(api: Command, io: Io): void {
  api
    .command('export-gateway')
    .description('write nginx configuration, key and certificates for a device gateway')
    .argument('<factory>', 'name of an embedded factory')
    .argument('<directory>', 'new or empty directory; it will contain a private key')
    .option('--replace', 'update an earlier export')
    .option('--listen <address>', 'address of the gateway: PORT, HOST:PORT or [IPv6]:PORT (default: 8443)')
    .option('--upstream <url>', 'server to forward requests to (default: http://127.0.0.1:8080)')
    .option('--at <directory>', 'path of the directory on the host that runs nginx')
    .option('--deny-list', 'refuse the devices of denied-devices.map in the directory')
    .option('--no-deny-list', 'remove the deny list from an earlier export')
    .addHelpText('after', EXAMPLE)
    .action(async (factory, directory, _, command: Command) =>
      (await import('../../commands/config/index.js')).exportGateway(factory, directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki api export-gateway acme "$HOME/gateway"
  $ fpki api export-gateway acme "$HOME/gateway" --replace --at /etc/gateway
  $ fpki api export-gateway acme "$HOME/gateway" --replace --deny-list

With --replace, omitted --listen, --upstream, --at and --deny-list keep their
values from the earlier export, and an existing deny list stays. Fill it with
fpki devices publish "$HOME/acme" --nginx-map "$HOME/gateway/denied-devices.map"

After you disable or revoke a device CA, the gateway accepts its devices until
you export again and reload nginx: nginx -t && nginx -s reload. See
docs/gateway.md.`
