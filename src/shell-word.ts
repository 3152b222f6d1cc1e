/** Quotes `word` for a POSIX shell where necessary, so that a command in a message works when pasted. */
export function shellWord(word: string): string {
  return /^[\p{L}\p{N}_./+@,:=%-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
