import { columnsOf, type Io, printable } from './output.js'

/** Between two columns. */
const GAP = '  '

/**
 * The widths of columns that fill a terminal: what it has beyond their sum goes to the columns with the indices `growing` in
 * equal parts. Elsewhere, and on a narrower terminal, they are as given.
 */
export function columnWidths(
  widths: readonly number[],
  growing: readonly number[],
  { terminal }: Pick<Io, 'terminal'>,
): readonly number[] {
  const sum = widths.reduce((total, width) => total + width, (widths.length - 1) * GAP.length)
  const spare = terminal.stdout ? Math.max(0, columnsOf(terminal) - sum) : 0
  return widths.map((width, index) => (growing.includes(index) ? width + Math.floor(spare / growing.length) : width))
}

/** Cells of untrusted text in columns of these widths; what is longer is cut off, with an ellipsis. */
export function cells(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((text, at) => cell(printable(text), widths[at] ?? 0))
    .join(GAP)
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
