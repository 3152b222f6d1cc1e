/**
 * What a terminal acts on or what turns the writing around: controls, formats and what no character is. Names in
 * certificates and answers come from outside, and must neither move the cursor nor pass for a line of fpki's own.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu

/** `text`, a value from outside, with unprintable characters written out as JSON writes them. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, writtenOut)
}

/** The same for a text of several lines, whose line feeds stay. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

function writtenOut(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
