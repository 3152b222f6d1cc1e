import type { Command } from 'commander'
import type { Io } from '../output.js'

/** Adds `fpki login`. */
export function addLogin(program: Command, io: Io): void {
  program
    .command('login')
    .description('store a token or OAuth client credentials for a Factory API')
    .option('--token-file <file>', 'file with the token; - is stdin')
    .option('--client-id <id>', 'client ID of OAuth client credentials')
    .option('--client-secret-file <file>', 'file with the client secret; - is stdin')
    .option('--oauth-url <url>', 'OAuth token endpoint (default: the one of Foundries)')
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../commands/config/index.js')).login(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  fpki login                                        prompts for a token
  fpki login --client-id ID                         prompts for the secret
  fpki login --api https://factory.example --token-file - < token

Other users can see the arguments of a process, so this command accepts no
secrets as arguments.`
