import type { Command } from 'commander'
import { collect } from '../../options.js'
import type { Io } from '../../output.js'

/** The words of `fpki api serve`. */
export function addServe(api: Command, io: Io): void {
  api
    .command('serve')
    .description('serve the embedded Factory API to other programs and machines')
    .option('--listen <host:port>', 'where; port 0 is any that is free', '127.0.0.1:8443')
    .option('--tls-cert <file>', "the server's certificate and its chain, PEM")
    .option('--tls-key <file>', 'its key, PEM')
    .option('--tls-name <host>', 'a further name for the certificate that fpki makes', collect)
    .option('--no-tls', 'plain HTTP; on a loopback address only')
    .option('--fault <fault>', 'misbehave on demand, see below; repeatable', collect)
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/api/serve.js')).serve(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  fpki api serve                          https://127.0.0.1:8443
  fpki api serve --listen 0.0.0.0:8443 --tls-name factory.example
  fpki api serve --fault PATCH:2:cut-after --fault 'GET:*:slow:3'

Clients need a token (fpki api token create), and CACERT set to the file that is
named at the start. It stops at SIGTERM when the requests that are there have
been answered. The log is on stdout, one JSON document a line (with --json on
stderr).

A fault is METHOD:NTH:KIND, where the NTH GET, POST or PATCH (* for each) gets:
  500, 429     such a status, 429 with Retry-After; nothing is done
  html         200 and a page of HTML; nothing is done
  cut-before   no answer; nothing is done
  cut-after    no answer, though the work is done
  slow         its answer 10 seconds late; :SECONDS after it says how late`
