import type { Command } from 'commander'
import { collect } from '../../options.js'
import type { Io } from '../../output.js'

/** The words of `fpki api token create`, `list` and `revoke`. */
export function addToken(api: Command, io: Io): void {
  const token = api.command('token').description('who may use the API that `fpki api serve` serves')
  const load = () => import('../../commands/api/token.js')
  token
    .command('create')
    .description('make a token, and the factory that it is for')
    .option('--all-factories', 'it is for every factory, not only for that of --factory')
    .option('--scope <scope>', 'ci-read or ci-write, which is all (default); repeatable', collect)
    .option('--expires <when>', '30d, 12h, or a time such as 2030-01-01T00:00:00Z')
    .addHelpText('after', CREATE)
    .action(async (_, command: Command) => (await load()).createToken(command.optsWithGlobals(), io))
  token
    .command('list')
    .description('list the tokens; what they are is not kept')
    .addHelpText('after', LIST)
    .action(async (_, command: Command) => (await load()).listTokens(command.optsWithGlobals(), io))
  token
    .command('revoke')
    .description('revoke a token; also a server that runs takes it no more')
    .argument('<id>', 'as `fpki api token list` has it')
    .addHelpText('after', REVOKE)
    .action(async (id: string, _, command: Command) => (await load()).revokeToken(id, command.optsWithGlobals(), io))
}

const CREATE = `
Examples:
  $ fpki api token create --factory acme > token
  $ fpki api token create --factory acme --scope ci-read --expires 90d
  $ fpki api token create --all-factories --json

The token is printed once, alone on stdout; fpki keeps its hash. Its id and the
token are also a client id and a client secret of OAuth.`

const LIST = `
Examples:
  $ fpki api token list
  $ fpki api token list --json`

const REVOKE = `
Examples:
  fpki api token revoke 0f1e2d3c4b5a6978
  fpki api token revoke 0f1e2d3c4b5a6978 --json`
