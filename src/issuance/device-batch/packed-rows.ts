/**
 * Rows of octet strings in one ArrayBuffer, which moves from thread to thread without being copied. Posting the octet strings
 * themselves would copy each one, and the whole pool that small Buffers are views of.
 *
 * The layout: number of rows, number of columns, the length of every cell (all Uint32), then the cells.
 */
export function packRows(rows: readonly (readonly Uint8Array[])[]): ArrayBuffer {
  const cells = rows.flat()
  const columns = rows[0]?.length ?? 0
  if (cells.length !== columns * rows.length) throw new Error('rows of different lengths')
  const size = cells.reduce((sum, { length }) => sum + length, 0)
  const header = 4 * (2 + cells.length)
  const packed = new ArrayBuffer(header + size)
  new Uint32Array(packed, 0, 2 + cells.length).set([rows.length, columns, ...cells.map(({ length }) => length)])
  const octets = new Uint8Array(packed)
  let at = header
  for (const cell of cells) {
    octets.set(cell, at)
    at += cell.length
  }
  return packed
}

/** The rows, whose cells are views of `packed`. */
export function unpackRows(packed: ArrayBuffer): readonly (readonly Uint8Array[])[] {
  const [rows = 0, columns = 0] = new Uint32Array(packed, 0, 2)
  const lengths = new Uint32Array(packed, 8, rows * columns)
  let at = 8 + 4 * lengths.length
  const cell = (index: number) => {
    const length = lengths[index] ?? 0
    const octets = new Uint8Array(packed, at, length)
    at += length
    return octets
  }
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) => cell(row * columns + column)),
  )
}
