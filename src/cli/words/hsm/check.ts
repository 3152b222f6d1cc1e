import type { Command } from 'commander'
import { withTokenOptions } from '../../hsm-options.js'
import { withKeyType } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki hsm check`. */
export function addCheck(hsm: Command, io: Io): void {
  const check = hsm.command('check').description('check that a token supports `ca create`, with a temporary key')
  withTokenOptions(withKeyType(check, 'the temporary key'))
    .addHelpText('after', EXAMPLE)
    .action(async (_, command: Command) =>
      (await import('../../commands/hsm/index.js')).check(command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Example:
  fpki hsm check --hsm-module /usr/lib/softhsm/libsofthsm2.so \\
    --hsm-token-label acme

Generates a temporary key, signs with it and deletes it. Does not touch the root
key in the token.`
