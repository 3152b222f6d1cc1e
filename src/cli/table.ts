import { printable } from './output.js'

/** Cells of untrusted text in columns of these widths; what is longer is cut off, with an ellipsis. */
export function cells(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((text, at) => cell(printable(text), widths[at] ?? 0))
    .join('  ')
    .trimEnd()
}

/** Lines of a name and an untrusted value each. */
export function fieldLines(fields: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 2
  return fields.map(([name, value]) => `${`${name.padEnd(width)}${printable(value)}`.trimEnd()}\n`).join('')
}

function cell(text: string, width: number): string {
  // By code points, so that none is cut in half.
  const characters = [...text]
  if (characters.length <= width) return text + ' '.repeat(width - characters.length)
  return `${characters.slice(0, width - 1).join('')}…`
}
