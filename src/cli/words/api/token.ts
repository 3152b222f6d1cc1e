import type { Command } from 'commander'
import { collect } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki api token create`, `list` and `revoke`. */
export function addToken(api: Command, io: Io): void {
  const token = api.command('token').description('manage access tokens for `fpki api serve`')
  const load = () => import('../../commands/api/token.js')
  token
    .command('create')
    .description('create a token, and its factory if needed')
    .option('--all-factories', 'allow access to every factory')
    .option('--scope <scope>', 'scope: ci-read, or ci-write for full access (default); repeatable', collect)
    .option('--expires <when>', 'lifetime such as 30d or 12h, or a time such as 2030-01-01T00:00:00Z')
    .addHelpText('after', CREATE)
    .action(async (_, command: Command) => (await load()).createToken(command.optsWithGlobals(), io))
  token
    .command('list')
    .description('list tokens, without their secret values')
    .addHelpText('after', LIST)
    .action(async (_, command: Command) => (await load()).listTokens(command.optsWithGlobals(), io))
  token
    .command('revoke')
    .description('revoke a token, effective immediately')
    .argument('<id>', 'token ID, from `fpki api token list`')
    .addHelpText('after', REVOKE)
    .action(async (id: string, _, command: Command) => (await load()).revokeToken(id, command.optsWithGlobals(), io))
}

const CREATE = `
Examples:
  $ (umask 077; fpki api token create --factory acme > token)
  $ fpki api token create --factory acme --scope ci-read --expires 90d
  $ fpki api token create --all-factories --json

The token is printed once, alone, to stdout; fpki stores only its hash. OAuth
clients use the token ID as client ID and the token as client secret.`

const LIST = `
Examples:
  $ fpki api token list
  $ fpki api token list --json`

const REVOKE = `
Examples:
  fpki api token revoke 0f1e2d3c4b5a6978
  fpki api token revoke 0f1e2d3c4b5a6978 --json`
