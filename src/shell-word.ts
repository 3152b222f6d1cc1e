/**
 * `word` as a POSIX shell takes it for this word and nothing else, so that a command in a message works when it is pasted.
 * One with a leading `-` stays a flag to the command that reads it.
 */
export function shellWord(word: string): string {
  return /^[\p{L}\p{N}_./+@,:=%-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
