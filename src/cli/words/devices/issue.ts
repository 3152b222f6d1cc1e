import { type Command, InvalidArgumentError, Option } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

const IN_FORMATS = ['auto', 'csv', 'jsonl', 'pem', 'dir', 'tar', 'uuids']
const OUT_FORMATS = ['sota', 'pem', 'csv', 'jsonl', 'tar']

/** Adds `fpki devices issue`. */
export function addIssue(devices: Command, io: Io): void {
  const issue = devices
    .command('issue')
    .description('issue certificates for a batch of devices')
    .argument('<directory>', 'PKI directory or kit')
    .requiredOption('--from <source>', 'certificate requests, or UUIDs: a folder, a file, or - for stdin')
    .addOption(new Option('--format <name>', 'format of the input (see below)').choices(IN_FORMATS).default('auto'))
    .option('--out <target>', 'write the certificates to this folder or new file; - is stdout')
    .addOption(new Option('--out-format <name>', 'format of the certificates (see below)').choices(OUT_FORMATS))
    .option('--refused <file>', 'list the refused rows in this file: .csv, or else JSON lines')
    .option('--max-refused <number>', 'stop when more rows than this are refused', parseCount)
    .option('--dry-run', 'check the input and list refused rows, but issue nothing')
    .optionsGroup('Devices:')
    .option('--line <name>', 'line that issues', 'default')
    .option('--ca <file>', 'certificate file of the device CA, such as site-b.pem; default: that of the line')
    .option('--make-keys', 'make the keys of the devices, for a list of UUIDs')
    .option('--days <number>', 'validity period; default: as long as the device CA, at most 20 years', parseDays)
    .option('--production', 'production devices, unless their rows say otherwise')
    .option('--group <name>', 'group of the devices, unless their rows say otherwise')
    .optionsGroup('Servers in sota.toml; default: the names in tls-crt:')
    .option('--gateway <url>', 'device gateway, such as https://gw.example.com:8443')
    .option('--ostree <url>', 'OSTree server')
    .optionsGroup('Register and keys:')
  withStore(issue).option('--hsm-sessions <number>', 'signatures at a time, with a key in an HSM', parseSessions)
  withHsmOptions(issue)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/devices/index.js')).issue(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices issue "$HOME/acme" --from csrs/ --out devices/
  $ fpki devices issue "$HOME/acme" --from csrs/ --dry-run
  $ fpki devices issue "$HOME/acme" --from uuids.txt --make-keys --out devices/
  $ fpki devices issue "$HOME/acme" --from - --out - < csrs.pem > issued.jsonl

Input: a folder or tar of *.csr, *.pem or *.der; PEM; CSV; JSON lines; or a list
of UUIDs, with --make-keys. gzip is unpacked.

--out-format: sota, a folder per device with the files for /var/sota (default
for a folder); jsonl (default for stdout); csv, pem, tar. A file that ends in
.jsonl, .csv, .pem or .tar has that format.

Interrupted, or rows refused? Correct the input and run the same command again:
nothing is signed twice, and devices that the register has with the same key get
the same certificate again. With --make-keys, keep the same --out: the keys are
nowhere else.

Exit codes: 0 all issued, 12 some refused, 3 the line is not open or its quota
is used up, 5 HSM error, 6 unreadable input, 130 interrupted.`

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a number.')
}

function parseSessions(text: string): number {
  if (/^([1-9]|[1-5]\d|6[0-4])$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a number from 1 to 64.')
}

function parseDays(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a number of days, from 1 to 99999.')
}
