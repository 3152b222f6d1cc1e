/** The most octets of a line without its line ending (RFC 5545, 3.1). */
const MAX_OCTETS = 75

/** A property with a value of type TEXT (RFC 5545, 3.3.11). */
export function textProperty(name: string, value: string): string {
  return `${name}:${value.replace(/[\\;,]/g, '\\$&').replaceAll('\n', '\\n')}`
}

/** Content lines: folded between characters, each with CRLF. */
export function contentLines(lines: readonly string[]): string {
  return lines.map((line) => `${folded(line)}\r\n`).join('')
}

/** Folds a line at {@link MAX_OCTETS}; the space of a continuation counts. */
function folded(line: string): string {
  let text = ''
  let octets = 0
  for (const character of line) {
    const size = Buffer.byteLength(character)
    if (octets + size > MAX_OCTETS) {
      text += '\r\n '
      octets = 1
    }
    text += character
    octets += size
  }
  return text
}
