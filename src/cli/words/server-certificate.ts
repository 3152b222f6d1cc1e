import type { Command } from 'commander'
import { withHsmOptions } from '../hsm-options.js'
import { withServerOptions } from '../options.js'
import type { Io } from '../output.js'

/** How `--help` presents a command that issues the certificate of a server. */
interface ServerWords {
  readonly name: string
  readonly description: string
  /** The certificate file in the PKI directory. */
  readonly file: string
  /** A host name for the example. */
  readonly host: string
  readonly run: 'rotateTls' | 'authorizeEst'
}

/** Adds `fpki ca rotate-tls` or `fpki est authorize`. */
export function addServerCommand(group: Command, io: Io, words: ServerWords): void {
  const { name, description, file, host, run } = words
  const command = group.command(name).description(description).argument('<directory>', 'PKI directory')
  withHsmOptions(withServerOptions(command, file))
    .addHelpText(
      'after',
      `
Examples:
  $ fpki ${group.name()} ${name} "$HOME/acme"
  $ fpki ${group.name()} ${name} "$HOME/acme" --tls-name ${host}
  $ fpki ${group.name()} ${name} "$HOME/acme" --if-expiring 60

With --if-expiring, the command is safe to run daily: it changes nothing unless
the certificate expires within that many days or lacks a --tls-name. It first
finishes an interrupted run.

Every run gives the server a new key. The previous certificate is kept as
${file}.bak, or ${file}.bak.1 and so on. Files in the PKI directory
change only after the Factory API has accepted the new certificate.`,
    )
    .action(async (directory, _, command: Command) =>
      (await import('../commands/ca/index.js'))[run](directory, command.optsWithGlobals(), io),
    )
}
