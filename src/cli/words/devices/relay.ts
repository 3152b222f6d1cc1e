import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki devices relay`. */
export function addRelay(devices: Command, io: Io): void {
  devices
    .command('relay')
    .description('pass registrations of a line on to `devices serve`, as a station')
    .requiredOption('--listen <address:port>', 'private address where the devices of the line register')
    .requiredOption('--upstream <url>', 'the registration service, such as https://register.example.com:8444')
    .requiredOption('--cert <file>', 'PEM file with the certificate of the station')
    .requiredOption('--key <file>', 'PEM file with the key of --cert')
    .option('--ca <file>', 'PEM file with the only CAs to trust; default: those of Node.js')
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/devices/relay.js')).relay(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  fpki devices relay --listen 192.168.10.1:8080 --cert east.pem --key east.key \\
    --upstream https://register.example.com:8444
  fpki devices relay --listen 127.0.0.1:8080 --cert east.pem --key east.key \\
    --upstream https://register.example.com:8444 --ca ca.pem

Set DEVICE_API of the devices to http://ADDRESS:PORT/sign, or /ota/devices/.

\`fpki lines station\` makes the certificate. It is the credential: the tokens of
the devices are neither needed nor passed on. Whoever reaches the relay can
register devices, so it listens on addresses of private networks only.

It logs one JSON document per line to stdout (to stderr with --json).`
