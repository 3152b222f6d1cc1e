import type { Command } from 'commander'
import type { Io } from '../../output.js'

/** Adds `fpki ca show`. */
export function addShow(ca: Command, io: Io): void {
  const forms = ['pretty', 'short', 'justRoot', 'justTls', 'justDeviceCas', 'svg', 'mermaid']
  const show = ca
    .command('show')
    .description('print the certificates stored in the Factory API')
    .argument('[directory]', 'PKI directory, to use its factory and Factory API')
    .option('--pretty', 'print text instead of PEM, starting with the hierarchy')
    .option('--short', 'print five lines a certificate')
    .option('--just-root', 'print only the root certificate')
    .option('--just-tls', 'print only the server certificate')
    .option('--just-device-cas', 'print only the device CAs')
    .option('--svg <file>', 'draw the hierarchy as SVG in this new file; - is stdout')
    .option('--mermaid <file>', 'draw the hierarchy as Mermaid in this new file; - is stdout')
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/ca/show.js')).show(directory, command.optsWithGlobals(), io),
    )
  for (const option of show.options) option.conflicts(forms.filter((name) => name !== option.attributeName()))
}

const EXAMPLE = `
Examples:
  $ fpki ca show --pretty
  $ fpki ca show --short
  $ fpki ca show "$HOME/acme" --pretty
  $ fpki ca show --just-device-cas > cas.pem
  $ fpki ca show --json --factory acme
  $ fpki ca show "$HOME/acme" --svg acme.svg
  $ fpki ca show "$HOME/acme" --mermaid -

With a directory, the picture also has the names of its files, revoked device
CAs and the lines of its device register (docs/report.md).`
