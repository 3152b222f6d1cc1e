import { slicesOf } from '../../chunks.js'
import { counted } from '../../counted.js'
import { escapeMarkup } from '../../printable.js'
import type { Hierarchy, HierarchyCertificate, HierarchyLine } from './hierarchy.js'
import { pictureStyle } from './palette.js'
import { BOX, certificateBox, LINE_BOX, lineBox, lineText } from './picture-box.js'

/** How a picture is laid out. */
export interface PictureLayout {
  /** Boxes side by side; null: as many as suit the number of boxes. */
  readonly columns: number | null
  /** How many lines of a device CA are drawn; null: all. */
  readonly maxLines: number | null
  /** How high a picture may get before the rest is drawn in another one; null: one picture. */
  readonly maxHeight: number | null
  /** Whether each picture has its own style, for a file; otherwise the page has {@link pictureStyle}. */
  readonly isFile: boolean
}

const MARGIN = 12
const GUTTER = 20
const ROW_GAP = 24

/** A box below the root, with the lines below it. */
interface Cell {
  readonly certificate: HierarchyCertificate | null
  readonly lines: readonly LineNote[]
}

interface LineNote {
  readonly title: string
  readonly note: string
}

/**
 * Draws a hierarchy as SVG: the root above its certificates, which are above the lines. One string a picture, without a line
 * feed at its end. The same hierarchy gives the same text.
 */
export function hierarchySvg(hierarchy: Hierarchy, layout: PictureLayout): readonly string[] {
  const cells = cellsOf(hierarchy, layout.maxLines)
  const columns = layout.columns ?? suitableColumns(cells.length)
  const parts = partsOf([...slicesOf(cells, columns)], layout.maxHeight)
  return parts.map((part, at) => picture(hierarchy, part, { columns, layout, part: at + 1, count: parts.length }))
}

/** One picture in a file. */
export function hierarchySvgFile(hierarchy: Hierarchy): string {
  const layout = { columns: null, maxLines: null, maxHeight: null, isFile: true }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${hierarchySvg(hierarchy, layout).join('\n')}\n`
}

/** The classic picture for few boxes; for many, about as wide as high. */
function suitableColumns(count: number): number {
  return count <= 5 ? Math.max(1, count) : Math.max(4, Math.ceil(Math.sqrt(count / 1.5)))
}

function cellsOf(
  { crossCertificates, servers, deviceCas, otherLines }: Hierarchy,
  maxLines: number | null,
): readonly Cell[] {
  const others = otherLines.length === 0 ? [] : [{ certificate: null, lines: notesOf(otherLines, maxLines) }]
  return [
    ...[...crossCertificates, ...servers].map((certificate) => ({ certificate, lines: [] })),
    ...deviceCas.map(({ certificate, lines }) => ({ certificate, lines: notesOf(lines, maxLines) })),
    ...others,
  ]
}

function notesOf(lines: readonly HierarchyLine[], max: number | null): readonly LineNote[] {
  const shown = max === null || lines.length <= max ? lines : lines.slice(0, max)
  const notes = shown.map((line) => ({ title: `line ${line.name}`, note: lineText(line) }))
  const left = lines.slice(shown.length)
  const devices = left.reduce((sum, line) => sum + line.devices, 0)
  return left.length === 0
    ? notes
    : [...notes, { title: counted(left.length, 'more line'), note: counted(devices, 'device') }]
}

function heightOf({ lines }: Cell): number {
  return BOX.height + lines.length * (LINE_BOX.height + LINE_BOX.gap)
}

function rowHeight(row: readonly Cell[]): number {
  return Math.max(...row.map(heightOf)) + ROW_GAP
}

function partsOf(
  rows: readonly (readonly Cell[])[],
  maxHeight: number | null,
): readonly (readonly (readonly Cell[])[])[] {
  const parts: (readonly Cell[])[][] = [[]]
  let height = MARGIN * 2 + BOX.height + ROW_GAP
  const begin = height
  for (const row of rows) {
    if (maxHeight !== null && height + rowHeight(row) > maxHeight && height > begin) {
      parts.push([])
      height = begin
    }
    parts.at(-1)?.push(row)
    height += rowHeight(row)
  }
  return parts
}

interface Page {
  readonly columns: number
  readonly layout: PictureLayout
  readonly part: number
  readonly count: number
}

function picture(
  hierarchy: Hierarchy,
  rows: readonly (readonly Cell[])[],
  { columns, layout, part, count }: Page,
): string {
  const width = 2 * MARGIN + columns * (GUTTER + BOX.width)
  const rootX = columns === 1 ? MARGIN : Math.round((width - BOX.width) / 2)
  const busY = MARGIN + BOX.height + ROW_GAP / 2
  const drawn: string[] = []
  const trunks = new Map<number, number>()
  let y = MARGIN + BOX.height + ROW_GAP
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      const x = MARGIN + column * (GUTTER + BOX.width) + GUTTER
      drawn.push(cellAt(cell, hierarchy, { x, y }))
      trunks.set(column, y + 16)
    }
    y += rowHeight(row)
  }
  const height = (rows.length === 0 ? MARGIN + BOX.height : y - ROW_GAP) + MARGIN
  const label = `Hierarchy of the factory ${hierarchy.factory}${count === 1 ? '' : `, part ${part} of ${count}`}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" class="k-text" aria-label="${escapeMarkup(label)}">`,
    ...(layout.isFile ? [`<title>${escapeMarkup(label)}</title>`, `<style>${pictureStyle()}</style>`] : []),
    `<rect class="k-paper" width="${width}" height="${height}"/>`,
    connectors(trunks, { rootX, busY }),
    rootAt(hierarchy, { x: rootX, y: MARGIN }),
    ...drawn,
    '</svg>',
  ].join('\n')
}

function cellAt({ certificate, lines }: Cell, { at }: Hierarchy, { x, y }: { readonly x: number; readonly y: number }) {
  const stubs = lines.map((_, at) => `M${x + 6} ${lineY(y, at) + LINE_BOX.height / 2}H${x + LINE_BOX.indent}`)
  const bottom = y + (certificate === null ? LINE_BOX.height : BOX.height)
  const trunk = `M${x + 6} ${bottom}V${lineY(y, lines.length - 1) + LINE_BOX.height / 2}`
  return [
    lines.length === 0 ? '' : `<path class="k-line" d="${trunk}${stubs.join('')}"/>`,
    `<path class="k-line" d="M${x - GUTTER / 2} ${y + 16}H${x}"/>`,
    certificate === null
      ? lineBox({ x, y, title: 'Other device CAs', note: 'not in this directory' })
      : certificateBox(certificate, new Date(at), { x, y }),
    ...lines.map((note, at) => lineBox({ ...note, x: x + LINE_BOX.indent, y: lineY(y, at) })),
  ]
    .filter((text) => text !== '')
    .join('\n')
}

function lineY(y: number, at: number): number {
  return y + BOX.height + LINE_BOX.gap + at * (LINE_BOX.height + LINE_BOX.gap)
}

function rootAt({ root, at }: Hierarchy, place: { readonly x: number; readonly y: number }): string {
  if (root !== null) return certificateBox(root, new Date(at), place)
  return lineBox({ ...place, title: 'factory_ca.pem', note: 'MISSING OR UNREADABLE' })
}

/** From the root down to a line above all columns, and from there down beside each. */
function connectors(trunks: ReadonlyMap<number, number>, { rootX, busY }: { rootX: number; busY: number }): string {
  if (trunks.size === 0) return ''
  const xs = [...trunks.keys()].map((column) => MARGIN + column * (GUTTER + BOX.width) + GUTTER / 2)
  // In one column the root is above its trunk.
  const stem = trunks.size === 1 && rootX === MARGIN ? (xs[0] ?? 0) : rootX + BOX.width / 2
  const [left, right] = [Math.min(stem, ...xs), Math.max(stem, ...xs)]
  const down = [...trunks.values()].map((y, at) => `M${xs[at]} ${busY}V${y}`)
  return `<path class="k-line" d="M${stem} ${MARGIN + BOX.height}V${busY}M${left} ${busY}H${right}${down.join('')}"/>`
}
