import { access, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { output, runProgram } from '../support/cli.js'

/** A shell in a folder of a test, with the `fpki` of its `bin`, and fpki's completion loaded. */
export interface Shell {
  readonly name: 'bash' | 'zsh' | 'fish'
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
}

/**
 * What the shell's line is after `line` and a Tab were typed in an interactive one on a terminal: what a person would
 * run next. For bash and zsh; fish is asked with {@link fishOffers}.
 */
export async function lineAfterTab({ name, folder, env }: Shell, line: string): Promise<string> {
  const result = join(folder, 'line')
  const start = join(folder, 'start')
  await mkdir(start, { recursive: true })
  const script = join(start, '_fpki')
  await writeFile(script, await scriptOf(name, env))
  if (name === 'bash') await writeFile(join(start, '.bashrc'), BASH_START(script, result))
  else await writeFile(join(start, '.zshrc'), ZSH_START(start, result))
  const program = name === 'bash' ? `bash --noprofile --rcfile ${start}/.bashrc -i` : 'zsh -d -i'
  await runProgram('script', ['-qec', program, '/dev/null'], {
    cwd: folder,
    env: { ...env, ZDOTDIR: start, TERM: 'dumb', LC_ALL: 'C.UTF-8', HISTFILE: '' },
    keepStdin: true,
    // Typed when the shell is ready: what comes earlier is taken by the terminal, which has a use of its own for Tab.
    onStart: async ({ stdin, exitCode }) => {
      while (exitCode === null && !(await isThere(join(folder, 'ready')))) await pause()
      stdin?.write(`${line}\t\u0018p`)
      while (exitCode === null && !(await isThere(result))) await pause()
      stdin?.end('\u0015exit\r')
    },
  })
  return (await readFile(result, 'utf8')).replace(/\n$/, '')
}

/** The words that bash offers for a line, and the options that its completion is set to. */
export async function bashOffers({ folder, env }: Shell, line: string): Promise<{ words: string[]; options: string }> {
  const asks = `
    compopt() { options="$*"; }
    ${await scriptOf('bash', env)}
    COMP_LINE=$1 COMP_POINT=\${#1} _fpki
    printf '%s\\0' "$options" "\${COMPREPLY[@]}"`
  const said = await output('bash', ['--noprofile', '--norc', '-c', asks, 'bash', line], { cwd: folder, env })
  const [options = '', ...words] = said.split('\0').slice(0, -1)
  return { words, options }
}

/** What fish offers for a line: the words, and behind a tab what they mean. */
export async function fishOffers({ folder, env }: Shell, line: string): Promise<readonly string[]> {
  const asks = `${await scriptOf('fish', env)}\ncomplete -C $argv[1]`
  const said = await output('fish', ['--no-config', '-c', asks, line], { cwd: folder, env })
  return said.split('\n').slice(0, -1)
}

function scriptOf(name: Shell['name'], env: Shell['env']): Promise<string> {
  return output('fpki', ['completion', name], { env })
}

/** Ctrl-X p saves the line. */
const BASH_START = (script: string, result: string) => `
PS1='> '
bind 'set enable-bracketed-paste off'
source '${script}'
save() { printf '%s' "$READLINE_LINE" > '${result}.new'; mv '${result}.new' '${result}'; }
bind -x '"\\C-xp": save'
PROMPT_COMMAND='touch ready'
`

/** The script is found as README.md has it, in a folder of fpath. */
const ZSH_START = (folder: string, result: string) => `
PS1='> '
fpath=('${folder}' $fpath)
autoload -Uz compinit && compinit -u -D
save() { print -rn -- "$BUFFER" > '${result}.new'; mv '${result}.new' '${result}' }
zle -N save
bindkey '^Xp' save
bindkey '^I' complete-word
zle-line-init() { touch ready }
zle -N zle-line-init
`

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}
