import { type Command, InvalidArgumentError } from 'commander'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'
import { parseDuration } from './line-options.js'

const load = () => import('../../commands/lines/index.js')

/** Adds `fpki lines token`. */
export function addLineToken(lines: Command, io: Io): void {
  const token = lines
    .command('token')
    .description('create a token with which devices of a line register themselves')
    .argument('<directory>', 'PKI directory or kit')
    .argument('<line>', 'name of the line')
    .option('--uses <number>', 'devices that it may register; default: no limit', parseUses)
    .option('--uuid <uuid>', 'the only device that it may register')
    .option('--for <time>', 'lifetime such as 30m, 8h or 7d; default: it does not expire', parseDuration)
    .option('--list <file>', 'CSV of devices that it may register: columns uuid, serial, key')
  withStore(token)
    .addHelpText('after', TOKEN)
    .action(async (directory, line, _, command: Command) =>
      (await load()).createToken(directory, line, command.optsWithGlobals(), io),
    )
}

/** Adds `fpki lines tokens`. */
export function addListLineTokens(lines: Command, io: Io): void {
  const tokens = lines
    .command('tokens')
    .description('list the tokens of a line or of all lines, without their secret values')
    .argument('<directory>', 'PKI directory or kit')
    .argument('[line]', 'name of the line; default: all')
  withStore(tokens)
    .addHelpText('after', TOKENS)
    .action(async (directory, line, _, command: Command) =>
      (await load()).listTokens(directory, line ?? null, command.optsWithGlobals(), io),
    )
}

/** Adds `fpki lines revoke-token`. */
export function addRevokeLineToken(lines: Command, io: Io): void {
  const revoke = lines
    .command('revoke-token')
    .description('revoke a token for ever, effective immediately')
    .argument('<directory>', 'PKI directory or kit')
    .argument('<id>', 'token ID, from `fpki lines tokens`')
  withStore(revoke)
    .addHelpText('after', REVOKE)
    .action(async (directory, id, _, command: Command) =>
      (await load()).revokeToken(directory, id, command.optsWithGlobals(), io),
    )
}

/** commander takes null for an empty text. */
function parseUses(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a number.')
}

const TOKEN = `
Examples:
  $ (umask 077; fpki lines token "$HOME/acme" site-a --uses 500 > token)
  $ fpki lines token "$HOME/acme" site-a --uses 500 --for 8h --json
  fpki lines token "$HOME/acme" site-a --list allow.csv

The token is printed once, alone, to stdout; fpki stores only its hash. A device
sends it in the header OSF-TOKEN. Each new device takes one use; a further
certificate of the same device takes none.

With --list, each row names one device by its UUID, its serial number (which it
sends as its name), or the SHA-256 of its public key; in a row with several, all
must match. The first device that uses a row has it for itself.`

const TOKENS = `
Examples:
  $ fpki lines tokens "$HOME/acme"
  $ fpki lines tokens "$HOME/acme" site-a --json`

const REVOKE = `
Examples:
  fpki lines revoke-token "$HOME/acme" 0f1e2d3c4b5a6978
  fpki lines revoke-token "$HOME/acme" 0f1e2d3c4b5a6978 --json

Devices that it has registered keep their certificates.`
