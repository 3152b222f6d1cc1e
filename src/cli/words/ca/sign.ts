import { type Command, Option } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca sign`. */
export function addSign(ca: Command, io: Io): void {
  const sign = ca
    .command('sign')
    .description('sign a CSR with the root key')
    .argument('<CSR>', 'certificate request, PEM or DER; - is stdin')
    .requiredOption('--pki-dir <directory>', 'PKI directory')
    .option('--out <file>', 'write the certificate to this new file instead of stdout')
    .addOption(
      new Option('--profile <name>', 'certificate profile; tls is short for tls-server').choices([
        'tls-server',
        'tls',
        'device-ca',
      ]),
    )
    .option('--days <number>', 'validity period; default: 10 years')
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

Without --profile, a request for CA:TRUE becomes a device CA, any other request
a TLS server certificate with the requested names. No certificate outlives the
root. Requests of devices are refused, because device CAs sign those: see
\`fpki devices issue\`. --profile tls-server overrides that.`
