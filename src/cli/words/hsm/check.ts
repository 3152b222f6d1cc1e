import { type Command, Option } from 'commander'
import { withTokenOptions } from '../../hsm-options.js'
import type { Io } from '../../output.js'

/** The words of `fpki hsm check`. */
export function addCheck(hsm: Command, io: Io): void {
  const check = hsm
    .command('check')
    .description('try all that `ca create` needs of a token, on a throw-away key')
    .addOption(new Option('--key-type <curve>', 'of the key').choices(['P-256', 'P-384']))
  withTokenOptions(check)
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/hsm/index.js')).check(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Example:
  fpki hsm check --hsm-module /usr/lib/softhsm/libsofthsm2.so \\
    --hsm-token-label acme

It makes a throw-away key, signs with it and deletes it. The root key of the
token is left alone.`
