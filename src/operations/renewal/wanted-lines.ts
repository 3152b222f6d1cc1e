import { type EstRefused, refused } from './model.js'

/** Names that a line must all have: the one in the URL, the only one that is served; null: every line. */
export type WantedLines = readonly (string | null)[]

/** Whether a line is the wanted one. */
export function isWanted(line: string, wanted: WantedLines): boolean {
  return wanted.every((name) => name === null || name === line)
}

/**
 * Refuses a device whose line is not the wanted one; null: it is.
 *
 * @param uuid of the device; null: it is not known
 */
export function otherLine(line: string, wanted: WantedLines, uuid: string | null): EstRefused | null {
  const other = wanted.find((name) => name !== null && name !== line)
  return other === undefined ? null : refused(uuid, 'other-line', `its line is not ${other}`)
}
