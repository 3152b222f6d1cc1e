import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { output, runProgram } from '../support/cli.js'

/** A shell in a folder of a test, with the `fpki` of its `bin`, and fpki's completion loaded. */
export interface Shell {
  readonly name: 'bash' | 'zsh' | 'fish'
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
}

/**
 * What the shell's line is after each of `lines` and a Tab were typed in an interactive one on a terminal: what a person
 * would run next. For bash and zsh; fish is asked with {@link fishOffers}.
 */
export async function linesAfterTab(
  { name, folder, env }: Shell,
  lines: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const result = join(folder, 'line')
  const start = join(folder, 'start')
  await mkdir(start, { recursive: true })
  const script = join(start, '_fpki')
  await writeFile(script, await scriptOf(name, env))
  if (name === 'bash') await writeFile(join(start, '.bashrc'), BASH_START(script, result))
  else await writeFile(join(start, '.zshrc'), ZSH_START(start, result))
  const program = name === 'bash' ? `bash --noprofile --rcfile ${start}/.bashrc -i` : 'zsh -d -i'
  const after = new Map<string, string>()
  await runProgram('script', ['-qec', program, '/dev/null'], {
    cwd: folder,
    env: { ...env, ZDOTDIR: start, TERM: 'dumb', LC_ALL: 'C.UTF-8', HISTFILE: '' },
    keepStdin: true,
    // Typed when the shell is ready: what comes earlier is taken by the terminal, which has a use of its own for Tab.
    onStart: async (shell) => {
      const appears = async (path: string) => {
        while (shell.exitCode === null && !(await isThere(path))) await pause()
        return isThere(path)
      }
      await appears(join(folder, 'ready'))
      for (const line of lines) {
        shell.stdin?.write(`${line}\t\u0018p`)
        if (!(await appears(result))) break
        after.set(line, (await readFile(result, 'utf8')).replace(/\n$/, ''))
        await rm(result)
        shell.stdin?.write('\u0015')
      }
      shell.stdin?.end('exit\r')
    },
  })
  return after
}

/** What bash offers for a line: the words, and the options that its completion is set to. */
export interface Offered {
  readonly words: readonly string[]
  readonly options: string
}

/** What bash offers for each of these lines. */
export async function bashOffers(
  { folder, env }: Shell,
  lines: readonly string[],
): Promise<ReadonlyMap<string, Offered>> {
  const asks = `
    compopt() { options="$*"; }
    ${await scriptOf('bash', env)}
    for line; do
      options= COMPREPLY=()
      COMP_LINE=$line COMP_POINT=\${#line} _fpki
      printf '%s\\0' "\${#COMPREPLY[@]}" "$options" "\${COMPREPLY[@]}"
    done`
  const said = await output('bash', ['--noprofile', '--norc', '-c', asks, 'bash', ...lines], { cwd: folder, env })
  const fields = said.split('\0')
  return new Map(
    lines.map((line) => {
      const [count, options = ''] = fields.splice(0, 2)
      return [line, { options, words: fields.splice(0, Number(count)) }]
    }),
  )
}

/** What fish offers for each of these lines: the words, and after a tab what they mean. */
export async function fishOffers(
  { folder, env }: Shell,
  lines: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const asks = `${await scriptOf('fish', env)}
    for line in $argv
      complete -C $line
      printf '\\0'
    end`
  const said = await output('fish', ['--no-config', '-c', asks, ...lines], { cwd: folder, env })
  const answers = said.split('\0')
  return new Map(lines.map((line, at) => [line, (answers[at] ?? '').split('\n').slice(0, -1)]))
}

const scripts = new Map<Shell['name'], Promise<string>>()

/** The script as `fpki completion` prints it: asked for once. */
function scriptOf(name: Shell['name'], env: Shell['env']): Promise<string> {
  const script = scripts.get(name) ?? output('fpki', ['completion', name], { env })
  scripts.set(name, script)
  return script
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
