import type { Ended, Home } from '../support/cli.js'
import { type Answer, answering } from '../support/terminal.js'

/** What fpki prints on a terminal that shows colours, and its exit code; each answer is typed behind its question. */
export async function onTerminal(
  home: Home,
  words: string,
  answers: readonly Answer[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const ended = await answering(words.split(' '), { HOME: home.path, NO_COLOR: '', ...env }, answers)
  return { ...ended, stdout: ended.stdout.replaceAll('\r\n', '\n') }
}

export const CTRL_C = '\u0003'
export const CTRL_D = '\u0004'
