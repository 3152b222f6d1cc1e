import type { DeviceResult, RefusedDevice } from '../../../operations/devices/model.js'
import { printable } from '../../../printable.js'

/** Collects why rows are refused: the first row for each reason, and how many there are. */
export interface RefusalExamples {
  /** Ignores rows that are not refused. */
  add(row: DeviceResult): void
  /** A line for each reason, the most frequent first; empty without any. */
  text(): string
}

/** An empty collection. */
export function refusalExamples(): RefusalExamples {
  const examples = new Map<string, { readonly first: RefusedDevice; count: number }>()
  return {
    add: (row) => {
      if (row.kind !== 'refused') return
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
