import { type Command, InvalidArgumentError, Option } from 'commander'
import { CLOUD_MODES } from '../../../operations/registration/model.js'
import { EST_STATUSES } from '../../../operations/renewal/model.js'
import { withHsmOptions } from '../../hsm-options.js'
import { collect, withStore } from '../../options.js'
import type { Io } from '../../output.js'
import { parseDuration } from '../lines/line-options.js'

/** Adds `fpki devices serve`. */
export function addServeDevices(devices: Command, io: Io): void {
  const serve = devices
    .command('serve')
    .description('register devices, renew their certificates by EST, answer OCSP requests')
    .argument('<directory>', 'PKI directory or kit')
    .option('--register <host:port>', 'address where devices register; port 0 picks a free port')
    .option('--est <host:port>', 'address where devices renew their certificates by EST')
    .option('--ocsp <host:port>', 'address where OCSP requests are answered, in plain HTTP')
    .option('--tls-cert <file>', 'PEM file with the server certificate and its chain')
    .option('--tls-key <file>', 'PEM file with the key of --tls-cert')
    .option('--tls-name <host>', 'additional name in the certificate that fpki issues; repeatable', collect)
    .option('--no-tls', 'serve plain HTTP, on a loopback address only')
    .option('--insecure-http <cidr>', 'serve plain HTTP to clients in this network only; repeatable', collect)
    .option('--status <host:port>', 'address of /healthz, /readyz and /metrics, in plain HTTP')
    .optionsGroup('Who may register:')
    .option('--line <name>', 'serve only this line; default: all')
    .option('--token-header <name>', 'header with the token', parseHeader, 'OSF-TOKEN')
    .optionsGroup('Renewal (--est):')
    .addOption(
      new Option('--est-status <status>', 'HTTP status of a certificate').choices(EST_STATUSES).default('auto'),
    )
    .option('--overlap <time>', 'how long the earlier certificate remains good; default: 30d', parseDuration)
    .option('--renew-from <percent>', 'part of its validity that must have passed; default: 0', parsePercent)
    .option('--renew-expired <days>', 'renew certificates that expired at most so long ago', parseDays)
    .option('--adopt', 'record devices that another service registered')
    .option('--client-ca <file>', 'CA whose client certificates may enroll; repeatable', collect)
    .option('--client-map <file>', 'CSV of the devices of these certificates: columns serial, uuid')
    .optionsGroup('OCSP (--ocsp):')
    .option('--ocsp-validity <time>', 'how long answers are valid, 1m to 10d; default: 1h', parseDuration)
    .optionsGroup('Devices:')
    .addOption(new Option('--cloud <mode>', 'inform the Factory API (see below)').choices(CLOUD_MODES))
    .option('--days <number>', 'validity period; default: as long as the device CA, at most 20 years', parseDays)
    .optionsGroup('Servers in sota.toml; default: the names in tls-crt:')
    .option('--gateway <url>', 'device gateway, such as https://gw.example.com:8443')
    .option('--ostree <url>', 'OSTree server')
    .optionsGroup('Register and keys:')
  withStore(serve).option('--hsm-sessions <number>', 'signatures at a time, with a key in an HSM', parseSessions)
  withHsmOptions(serve)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/devices/serve.js')).serve(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  fpki devices serve "$HOME/acme" --register 0.0.0.0:8444 \\
    --tls-cert server.pem --tls-key server.key --status 127.0.0.1:9101
  fpki devices serve "$HOME/acme" --register 127.0.0.1:8080 --no-tls
  fpki devices serve "$HOME/acme" --register 192.168.10.1:8080 \\
    --insecure-http 192.168.10.0/24
  fpki devices serve "$HOME/acme" --est 0.0.0.0:8445 --overlap 14d
  fpki devices serve "$HOME/acme" --ocsp 0.0.0.0:8446

Set DEVICE_API of the devices to https://HOST:PORT/sign, or /ota/devices/. A
device needs the token of a line (\`fpki lines token\`), or a station in front of
it (\`fpki lines station\`, \`fpki devices relay\`); without either, nobody may
register, and the service does not start. Signing in with the OAuth device flow
is not supported.

The stock clients trust what their image trusts, and have no option for a CA. So
use a certificate of a public CA, or install the CA of the certificate that fpki
issues in the image, or relay on the line. --insecure-http sends tokens in the
clear.

EST (RFC 7030) needs no line: a device renews with the certificate that it has,
in its own line, which may be closed. The server's certificate is --tls-cert,
or the est-tls-crt of the embedded Factory API (\`fpki est authorize\`), which
devices trust. --est-status auto answers 201 to fioconfig, and 200 to others.
The earlier certificate remains good until the new one is seen, or --overlap has
passed. A new device enrolls with a token that is bound to its UUID
(\`fpki lines token --uuid\`) as the password, or with a certificate of a
--client-ca whose CN or serialNumber is its UUID, or is mapped to it.

OCSP (RFC 6960, 5019) answers for all local CAs here, from the device register:
a denied device is revoked two seconds later at most, but for the answers that
clients and caches have. Each CA signs a certificate for the responder, which is
in memory only, valid for 30 days, and renewed by itself (docs/ocsp.md).

--cloud: queue informs the Factory API after the answer (default for Foundries
and https APIs), require before it, off never (default for the embedded one).

On SIGTERM, the service finishes what it accepted, and exits. It logs one JSON
document per line to stdout (to stderr with --json). With NOTIFY_SOCKET, it uses
systemd-notify to report when it is ready (Type=notify, NotifyAccess=all).`

/** RFC 9110, 5.6.2. */
function parseHeader(text: string): string {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(text)) return text
  throw new InvalidArgumentError('It must be the name of a header.')
}

function parseSessions(text: string): number {
  if (/^([1-9]|[1-5]\d|6[0-4])$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a number from 1 to 64.')
}

function parseDays(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a number of days, from 1 to 99999.')
}

function parsePercent(text: string): number {
  if (/^(0|[1-9]\d?)$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a number from 0 to 99.')
}
