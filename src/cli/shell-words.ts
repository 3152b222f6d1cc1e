import type { Io } from './output.js'

/**
 * The words of a line that is being written in a shell, without their quotes; the last one is empty behind a blank. The
 * line may be anything: nothing in it is run, and a quote that is still open ends with it.
 */
export function splitLine(line: string): readonly string[] {
  const words = line.match(/(?:\\.|'[^']*(?:'|$)|"(?:\\.|[^"\\])*(?:"|$)|[^\s\\'"])+/gs) ?? []
  const isBegun = words.length > 0 && line.endsWith(words.at(-1) ?? '')
  return [...words.map(unquoted), ...(isBegun ? [] : [''])]
}

/** Does a line end within quotes? */
export function isQuoteOpen(line: string): boolean {
  return !/^(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\\'"])*\\?$/s.test(line)
}

/** `word` as a shell takes it for this word and nothing else. */
export function quoted(word: string): string {
  return word.replace(/[^\p{L}\p{N}_./+@,-]/gu, '\\$&')
}

function unquoted(word: string): string {
  return word.replace(/\\(.)|'([^']*)(?:'|$)|"((?:\\.|[^"\\])*)(?:"|$)/gs, (_, escaped, single, double) => {
    return escaped ?? single ?? String(double).replace(/\\(["\\$`])/g, '$1')
  })
}

/** `word` with `~` and the variables that shells put into words most; another substitution stays as it is written. */
export function expanded(word: string, { env, home }: Pick<Io, 'env' | 'home'>): string {
  return word
    .replace(/^~(?=\/|$)/, () => home)
    .replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced, plain) => env[braced ?? plain] ?? whole)
}
