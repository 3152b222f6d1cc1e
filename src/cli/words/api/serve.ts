import type { Command } from 'commander'
import { collect } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki api serve`. */
export function addServe(api: Command, io: Io): void {
  api
    .command('serve')
    .description('serve the embedded Factory API over HTTPS')
    .option('--listen <host:port>', 'address to listen on; port 0 picks a free port', '127.0.0.1:8443')
    .option('--tls-cert <file>', 'PEM file with the server certificate and its chain')
    .option('--tls-key <file>', 'PEM file with the key of --tls-cert')
    .option('--tls-name <host>', 'additional name in the certificate that fpki issues; repeatable', collect)
    .option('--no-tls', 'serve plain HTTP, on a loopback address only')
    .option('--devices <directory>', 'PKI directory whose devices the API knows; repeatable', collect)
    .option('--store <url>', 'with one --devices: its device register')
    .option('--fault <fault>', 'inject a fault, see below; repeatable', collect)
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/api/serve.js')).serve(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  fpki api serve                          https://127.0.0.1:8443
  fpki api serve --listen 0.0.0.0:8443 --tls-name factory.example
  fpki api serve --devices "$HOME/acme"
  fpki api serve --fault PATCH:2:cut-after --fault 'GET:*:slow:3'

Clients need a token (\`fpki api token create\`), and CACERT set to the file that
is printed at startup. On SIGTERM, the server finishes pending requests and
exits. It logs one JSON document per line to stdout (to stderr with --json).
With NOTIFY_SOCKET, it uses systemd-notify to report when it is ready
(Type=notify, NotifyAccess=all).

A fault has the form METHOD:NTH:KIND and applies to the NTH request
with this method, such as GET, POST or PATCH (* for all):
  500, 429     respond with this status (429 with Retry-After); do nothing
  html         respond with 200 and an HTML page; do nothing
  cut-before   close the connection; do nothing
  cut-after    process the request, then close the connection
  slow         respond after 10 seconds, or slow:SECONDS`
