import { onTestFinished } from 'vitest'
import { type Ended, FPKI, type Home, runProgram } from '../support/cli.js'

/** What fpki prints on a terminal: script(1) of util-linux gives it one. The exit code is fpki's. */
export function onTerminal(home: Home, words: string, env: Record<string, string> = {}): Promise<Ended> {
  return typedOnTerminal(home, words, [], env)
}

/** What a person types, and behind which text. */
export type Typed = readonly [behind: string, keys: string]

/** As {@link onTerminal}, with somebody who types. */
export async function typedOnTerminal(
  home: Home,
  words: string,
  typed: readonly Typed[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const command = `${process.execPath} ${FPKI} ${words}`
  const left = [...typed]
  const ended = await runProgram('script', ['-q', '-e', '-c', command, '/dev/null'], {
    env: { HOME: home.path, TERM: 'xterm', ...env },
    ...(typed.length === 0 ? {} : { keepStdin: true }),
    onStart: (script) => {
      const { stdin, stdout } = script
      let shown = ''
      stdout?.on('data', (text: string) => {
        shown += text
        const [next] = left
        if (next === undefined || !shown.includes(next[0])) return
        left.shift()
        shown = ''
        stdin?.write(next[1])
      })
      onTestFinished(() => {
        script.kill('SIGKILL')
      })
    },
  })
  return { ...ended, stdout: ended.stdout.replaceAll('\r\n', '\n') }
}

export const CTRL_C = '\u0003'
export const CTRL_D = '\u0004'
