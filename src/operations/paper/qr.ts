import { encodeQR } from 'qr'

/** A QR code of `text` as an inline SVG, which is as wide as what it stands in. */
export function qrSvg(text: string, title: string): string {
  const rows = encodeQR(text, 'raw', { ecc: 'medium', encoding: 'byte', border: 4 })
  const path = rows
    .map((row, y) =>
      runs(row)
        .map(([x, length]) => `M${x} ${y}h${length}v1h-${length}z`)
        .join(''),
    )
    .join('')
  const size = `0 0 ${rows.length} ${rows.length}`
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${title}" viewBox="${size}" shape-rendering="crispEdges"><path d="${path}"/></svg>`
}

/** The dark stretches of a row: where each begins, and how long it is. */
function runs(row: readonly boolean[]): readonly (readonly [number, number])[] {
  const text = row.map((isDark) => (isDark ? '#' : ' ')).join('')
  return [...text.matchAll(/#+/g)].map(({ index, 0: dark }) => [index, dark.length])
}
