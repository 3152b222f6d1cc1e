import type { Outbox, OutboxEntry } from '../../../src/devices/outbox.js'

/** An outbox in memory, with what a test looks at. */
export interface MemoryOutbox extends Outbox {
  readonly entries: readonly Waiting[]
  readonly conflicts: readonly string[]
  add(...uuids: readonly string[]): void
}

interface Waiting extends OutboxEntry {
  readonly nextAt: number
  readonly reason: string | null
}

export function memoryOutbox(): MemoryOutbox {
  const rows = new Map<string, Waiting>()
  const conflicts: string[] = []
  let lastFailure: string | null = null
  const remove = ({ uuid, serial }: OutboxEntry) => {
    if (rows.get(uuid)?.serial === serial) rows.delete(uuid)
  }
  return {
    conflicts,
    get entries() {
      return [...rows.values()]
    },
    add: (...uuids) => {
      for (const uuid of uuids) rows.set(uuid, { ...entryOf(uuid), nextAt: 0, reason: null })
    },
    take: async ({ count, at, until }) => {
      const due = [...rows.values()].filter(({ nextAt }) => nextAt <= at).sort((a, b) => a.nextAt - b.nextAt)
      const taken = due.slice(0, count)
      for (const row of taken) rows.set(row.uuid, { ...row, nextAt: until })
      return taken
    },
    delivered: async (entries) => entries.forEach(remove),
    conflict: async (entry) => {
      remove(entry)
      conflicts.push(entry.uuid)
    },
    failed: async ({ uuid, serial }, { at, reason }) => {
      const row = rows.get(uuid)
      if (row?.serial !== serial) return
      rows.set(uuid, { ...row, attempts: row.attempts + 1, nextAt: at, reason })
      lastFailure = reason
    },
    state: async () => ({
      waiting: rows.size,
      oldest: rows.size === 0 ? null : 0,
      conflicts: conflicts.length,
      lastFailure,
    }),
  }
}

export function entryOf(uuid: string): OutboxEntry {
  return {
    action: 'announce',
    uuid,
    name: uuid,
    group: null,
    serial: `01${uuid.slice(-4)}`,
    der: Buffer.from('3000', 'hex'),
    ca: '00',
    attempts: 0,
  }
}
