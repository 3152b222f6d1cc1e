import type { Io } from './output.js'

/**
 * Splits an incomplete shell command line into words and removes quotes; the last word is empty after a space. Nothing in
 * the line is evaluated, and an open quote ends with the line.
 */
export function splitLine(line: string): readonly string[] {
  const words = line.match(/(?:\\.|'[^']*(?:'|$)|"(?:\\.|[^"\\])*(?:"|$)|[^\s\\'"])+/gs) ?? []
  const isBegun = words.length > 0 && line.endsWith(words.at(-1) ?? '')
  return [...words.map(unquoted), ...(isBegun ? [] : [''])]
}

/** Whether a line ends inside quotes. */
export function isQuoteOpen(line: string): boolean {
  return !/^(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\\'"])*\\?$/s.test(line)
}

/** `word` with backslashes, so that a shell reads exactly this word. */
export function quoted(word: string): string {
  return word.replace(/[^\p{L}\p{N}_./+@,-]/gu, '\\$&')
}

function unquoted(word: string): string {
  return word.replace(/\\(.)|'([^']*)(?:'|$)|"((?:\\.|[^"\\])*)(?:"|$)/gs, (_, escaped, single, double) => {
    return escaped ?? single ?? String(double).replace(/\\(["\\$`])/g, '$1')
  })
}

/** Expands `~`, `$NAME` and `${NAME}` in `word`, and leaves other substitutions alone. */
export function expanded(word: string, { env, home }: Pick<Io, 'env' | 'home'>): string {
  return word
    .replace(/^~(?=\/|$)/, () => home)
    .replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced, plain) => env[braced ?? plain] ?? whole)
}
