import { type Ended, QUICK_FPKI, runProgram } from './cli.js'

/** What is typed when a question is asked that has these words. */
export type Answer = readonly [question: string, keys: string]

/** Runs fpki on a terminal, script(1)'s, and types each answer when its question has come up. */
export function answering(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  answers: readonly Answer[],
): Promise<Ended> {
  const quoted = [process.execPath, QUICK_FPKI, ...words].map((word) => `'${word}'`).join(' ')
  return runProgram('script', ['-q', '-e', '-c', quoted, '/dev/null'], {
    env: { TERM: 'xterm', NO_COLOR: '1', ...env },
    onStart: (child) => {
      const left = [...answers]
      let shown = ''
      child.stdout?.on('data', (text: Buffer | string) => {
        shown += String(text)
        const [next] = left
        if (next === undefined || !shown.includes(next[0])) return
        left.shift()
        shown = ''
        child.stdin?.write(next[1])
      })
    },
    keepStdin: true,
  })
}
