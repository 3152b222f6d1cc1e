/** The separator that the first line of a CSV file names, as Excel writes it (`sep=;`); null: it is another line. */
export function separatorOf(line: string): string | null {
  return /^"?sep=([,;\t])"?\r?$/i.exec(line)?.[1] ?? null
}
