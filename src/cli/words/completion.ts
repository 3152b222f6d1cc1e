import { Argument, type Command } from 'commander'
import type { Io } from '../output.js'

/** The words of `fpki completion`. */
export function addCompletion(program: Command, io: Io): void {
  program
    .command('completion')
    .description('print a script that makes a shell complete the words of fpki')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', EXAMPLE)
    .action(async (shell, _, command: Command) =>
      (await import('../commands/completion.js')).completion(shell, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki completion bash > fpki
  $ fpki completion zsh > _fpki
  $ fpki completion fish > fpki.fish

Put the file where your shell looks for it (mkdir -p its folder first),
and start the shell again:
  bash   ~/.local/share/bash-completion/completions/fpki
  zsh    _fpki in a folder of fpath, before compinit runs
  fish   ~/.config/fish/completions/fpki.fish`
