import type { Command } from 'commander'
import { withStore, withYes } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki lines pause`. */
export function addPauseLine(lines: Command, io: Io): void {
  const remark = 'Nothing is issued until `fpki lines resume`. Pausing twice does no harm.'
  addStateCommand(lines, io, { name: 'pause', description: 'pause a line until it is resumed', remark })
}

/** Adds `fpki lines resume`. */
export function addResumeLine(lines: Command, io: Io): void {
  const remark = 'Resuming an open line does nothing. A closed line stays closed.'
  addStateCommand(lines, io, { name: 'resume', description: 'resume a paused line', remark })
}

/** Adds `fpki lines close`. */
export function addCloseLine(lines: Command, io: Io): void {
  const remark = `The line never issues again, and its name stays taken. Its devices keep working.
On a terminal, the command asks for confirmation; --yes confirms.`
  addStateCommand(lines, io, { name: 'close', description: 'close a line for ever', remark })
}

function addStateCommand(
  lines: Command,
  io: Io,
  {
    name: action,
    description,
    remark,
  }: { readonly name: 'pause' | 'resume' | 'close'; readonly description: string; readonly remark: string },
): void {
  const command = lines
    .command(action)
    .description(description)
    .argument('<directory>', 'PKI directory or kit')
    .argument('<name>', 'name of the line')
  const yes = action === 'close' ? ' --yes' : ''
  withStore(action === 'close' ? withYes(command) : command)
    .addHelpText(
      'after',
      `
Examples:
  $ fpki lines ${action} "$HOME/acme" site-a${yes}
  $ fpki lines ${action} "$HOME/acme" site-a${yes} --json

${remark}`,
    )
    .action(async (directory, name, _, command: Command) => {
      const { setState } = await import('../../commands/lines/index.js')
      await setState(action, directory, name, command.optsWithGlobals(), io)
    })
}
