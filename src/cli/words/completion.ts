import { Argument, type Command } from 'commander'
import type { Io } from '../output.js'

/** Adds `fpki completion`. */
export function addCompletion(program: Command, io: Io): void {
  program
    .command('completion')
    .description('print a shell completion script')
    .addArgument(new Argument('<shell>', 'shell to generate the script for').choices(['bash', 'zsh', 'fish']))
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

Save the script where your shell looks for it (create the directory first if
needed), then restart the shell:
  bash   ~/.local/share/bash-completion/completions/fpki
  zsh    _fpki in a directory of fpath, before compinit runs
  fish   ~/.config/fish/completions/fpki.fish`
