import type { Command } from 'commander'
import { withYes } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca update`. */
export function addUpdate(ca: Command, io: Io): void {
  const command = ca
    .command('update')
    .description('replace the list of device CAs in the Factory API')
    .argument('<ca-crts>', 'PEM file with all device CAs; - is stdin')
  withYes(command)
    .addHelpText('after', EXAMPLE)
    .action(async (file, _, command: Command) =>
      (await import('../../commands/ca/index.js')).update(file, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki ca show --just-device-cas > cas.pem
  $ fpki ca update cas.pem

Checks every certificate, shows what will be added and removed, and asks for
confirmation. In a script, pass --yes to remove device CAs.`
