import type { Command } from 'commander'
import type { Io } from '../output.js'

/** The words of `fpki login`. */
export function addLogin(program: Command, io: Io): void {
  program
    .command('login')
    .description('keep credentials for a Factory API: a token, or a client and its secret')
    .option('--token-file <file>', 'the token is in this file; - is stdin')
    .option('--client-id <id>', 'of OAuth client credentials')
    .option('--client-secret-file <file>', 'its secret is in this file; - is stdin')
    .option('--oauth-url <url>', 'where tokens are given (default: that of Foundries)')
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../commands/config/index.js')).login(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  fpki login                                        asks for a token
  fpki login --client-id ID                         asks for the secret
  fpki login --api https://factory.example --token-file - < token

Secrets are never given as arguments, which others on this machine can see.`
