import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki ca update`. */
export function addUpdate(ca: Command, io: Io): void {
  ca.command('update')
    .description("replace the Factory API's list of device CAs")
    .argument('<ca-crts>', 'a PEM file with all of them; - is stdin')
    .option('--yes', 'answer every question with yes')
    .addHelpText('after', EXAMPLE)
    .action(async (file, _, command: Command) =>
      (await import('../../commands/ca/index.js')).update(file, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca show --just-device-cas > cas.pem
  $ fpki ca update cas.pem

Every certificate is checked first. It shows what is added and removed, and
asks; a script gives --yes where something is removed.`
