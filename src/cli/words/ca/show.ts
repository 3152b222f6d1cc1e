import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** The words of `fpki ca show`. */
export function addShow(ca: Command, io: Io): void {
  const forms = ['pretty', 'justRoot', 'justTls', 'justDeviceCas']
  const show = ca
    .command('show')
    .description('show the certificates that the Factory API knows, as PEM')
    .argument('[directory]', 'a PKI directory: its factory and its Factory API are meant')
    .option('--pretty', 'in words, with the hierarchy on top')
    .option('--just-root', 'the root certificate only, as PEM')
    .option('--just-tls', 'the server certificate only, as PEM')
    .option('--just-device-cas', 'the device CAs only, as PEM')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/show.js')).show(directory, command.optsWithGlobals(), io),
    )
  for (const option of show.options) option.conflicts(forms.filter((name) => name !== option.attributeName()))
}

const EXAMPLE = `
Examples:
  $ fpki ca show --pretty
  $ fpki ca show "$HOME/acme" --pretty
  $ fpki ca show --just-device-cas > cas.pem
  $ fpki ca show --json --factory acme`
