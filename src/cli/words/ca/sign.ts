import { type Command, Option } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** The words of `fpki ca sign`. */
export function addSign(ca: Command, io: Io): void {
  const sign = ca
    .command('sign')
    .description('sign a certificate request with the root key')
    .argument('<CSR>', 'the request, PEM or DER; - is stdin')
    .requiredOption('--pki-dir <directory>', 'the PKI directory')
    .option('--out <file>', 'write the certificate to a new file, not to stdout')
    .addOption(
      new Option('--profile <name>', 'as the request asks, when left out; tls is short for tls-server').choices([
        'tls-server',
        'tls',
        'device-ca',
      ]),
    )
    .option('--days <number>', 'how long it is valid; 10 years when left out')
  withHsmOptions(sign)
    .addHelpText('after', EXAMPLE)
    .action(async (file, _, command: Command) =>
      (await import('../../commands/ca/index.js')).sign(file, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca sign gateway.csr --pki-dir "$HOME/acme" --out gateway.pem
  $ fpki ca sign - --pki-dir "$HOME/acme" --days 365 < gateway.csr > gateway.pem

A request that asks for CA:TRUE becomes a device CA, any other a TLS server with
the names that it asks for. No certificate outlives the root. A device's request
is refused, because a device CA signs devices; --profile tls-server insists.`
