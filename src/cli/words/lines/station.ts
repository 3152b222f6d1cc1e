import type { Command } from 'commander'
import { parseDays, withStore } from '../../options.js'
import type { Io } from '../../output.js'

const load = () => import('../../commands/lines/index.js')

/** Adds `fpki lines station`. */
export function addStation(lines: Command, io: Io): void {
  const station = lines
    .command('station')
    .description('create a station: a client certificate with which a line registers devices')
    .argument('<directory>', 'PKI directory or kit')
    .argument('<line>', 'name of the line')
    .argument('<name>', 'name of the station')
    .option('--out <folder>', 'make a key and certificate in this folder: NAME.key and NAME.pem')
    .option('--days <number>', 'validity of the certificate in days; default: two years', parseDays)
    .option('--cert <file>', 'use this certificate, whose key the station has, such as in a TPM')
  withStore(station)
    .addHelpText('after', STATION)
    .action(async (directory, line, name, _, command: Command) =>
      (await load()).createStation({ directory, line, name }, command.optsWithGlobals(), io),
    )
}

/** Adds `fpki lines stations`. */
export function addListStations(lines: Command, io: Io): void {
  const stations = lines
    .command('stations')
    .description('list the stations of a line or of all lines')
    .argument('<directory>', 'PKI directory or kit')
    .argument('[line]', 'name of the line; default: all')
  withStore(stations)
    .addHelpText('after', STATIONS)
    .action(async (directory, line, _, command: Command) =>
      (await load()).listStations(directory, line ?? null, command.optsWithGlobals(), io),
    )
}

/** Adds `fpki lines revoke-station`. */
export function addRevokeStation(lines: Command, io: Io): void {
  const revoke = lines
    .command('revoke-station')
    .description('revoke a station for ever, effective immediately')
    .argument('<directory>', 'PKI directory or kit')
    .argument('<line>', 'name of the line')
    .argument('<name>', 'name of the station')
  withStore(revoke)
    .addHelpText('after', REVOKE)
    .action(async (directory, line, name, _, command: Command) =>
      (await load()).revokeStation({ directory, line, name }, command.optsWithGlobals(), io),
    )
}

const STATION = `
Examples:
  $ fpki lines station "$HOME/acme" site-a tester-1 --out .
  $ fpki lines station "$HOME/acme" site-a tester-1 --out . --days 365 --json
  fpki lines station "$HOME/acme" site-a tester-2 --cert tester-2.pem

The certificate is self-signed: the register has its fingerprint, and no CA has
to know it. Files are never overwritten; a run that was interrupted can be
repeated. Bring both files to the station, and remove the key here.`

const STATIONS = `
Examples:
  $ fpki lines stations "$HOME/acme"
  $ fpki lines stations "$HOME/acme" site-a --json`

const REVOKE = `
Examples:
  $ fpki lines revoke-station "$HOME/acme" site-a tester-1
  $ fpki lines revoke-station "$HOME/acme" site-a tester-1 --json

Devices that it has registered keep their certificates. The name is free again.`
