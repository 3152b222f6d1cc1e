import type { RefusedDevice } from '../../../operations/devices/model.js'
import { printable } from '../../../printable.js'

/** Collects why rows are refused: the first row for each reason, and how many there are. */
export interface RefusalExamples {
  add(row: RefusedDevice): void
  /** A line for each reason, the most frequent first. */
  text(): string
}

/** An empty collection. */
export function refusalExamples(): RefusalExamples {
  const examples = new Map<string, { readonly first: RefusedDevice; count: number }>()
  return {
    add: (row) => {
      const example = examples.get(row.code)
      if (example === undefined) examples.set(row.code, { first: row, count: 1 })
      else example.count++
    },
    text: () => {
      const sorted = [...examples.values()].toSorted((a, b) => b.count - a.count)
      return sorted.map(({ first, count }) => lineOf(first, count)).join('')
    },
  }
}

/** `refused: bad.csr: the CN of its subject is not a UUID (csr-common-name; 3 more)` */
function lineOf({ at, code, reason }: RefusedDevice, count: number): string {
  return `refused: ${printable(`${at}: ${reason}`)} (${code}${count > 1 ? `; ${count - 1} more` : ''})\n`
}
