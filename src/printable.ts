/**
 * Control characters, format characters (such as those that reverse the direction of text) and unassigned code points.
 * Names in certificates and responses are untrusted: they must not move the cursor or imitate output of fpki.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu

/** Escapes the unprintable characters of an untrusted `text` as JSON does. */
export function printable(text: string): string {
  return escapeCharacters(text, UNPRINTABLE)
}

/** Escapes the characters that match a global `pattern` as JSON does. */
export function escapeCharacters(text: string, pattern: RegExp): string {
  return text.replace(pattern, writtenOut)
}

/** Like {@link printable}, but keeps line feeds. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** `text` escaped for XML and HTML, in elements and attributes; unprintable characters are shown as escapes. */
export function escapeMarkup(text: string): string {
  return printableLines(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

function writtenOut(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
