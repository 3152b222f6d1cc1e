import { csvText, safeCell } from '../../csv.js'
import type { Block, Fact, ReportDocument } from './document.js'

/** A report as CSV (RFC 4180): a row for each value, with its section, its item and its name. */
export function reportCsv({ sections }: ReportDocument): string {
  const rows = sections.flatMap(({ id, blocks }) =>
    blocks.flatMap((block, at) => rowsOf(block, at + 1)).map((row) => [id, ...row]),
  )
  return csvText([['section', 'item', 'name', 'value'], ...rows].map((row) => row.map(safeCell)))
}

/** What the pictures show is in the sections on keys, certificates and devices. */
function rowsOf(block: Block, number: number): readonly (readonly string[])[] {
  switch (block.kind) {
    case 'text':
      return [[String(number), 'text', block.text]]
    case 'facts':
      return facts(String(number), block.facts)
    case 'record':
      return facts(block.title.text, block.facts)
    case 'table':
      return block.rows.flatMap((row, at) =>
        row.map(({ text }, column) => [`${number}.${at + 1}`, block.columns[column] ?? '', text]),
      )
    case 'picture':
    case 'timeline':
      return []
  }
}

function facts(item: string, all: readonly Fact[]): readonly (readonly string[])[] {
  return all.map(([name, { text }]) => [item, name, text])
}
