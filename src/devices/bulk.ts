import { type Compilable, CompiledQuery, type Kysely } from 'kysely'
import type { Schema } from './schema.js'

/** The largest number of rows of one statement. */
const MOST = 256

/** Up to this number of rows, each number has a statement of its own. */
const SMALL = 24

/** A statement for many rows. */
export interface Bulk<Row> {
  /** Runs it for `rows`, each the parameters of one in the order of the statement, and resolves to what all returned. */
  run(
    db: Kysely<Schema>,
    rows: readonly Parameters[],
  ): Promise<{ readonly rows: readonly Row[]; readonly changes: number }>
}

type Parameters = readonly unknown[]

/**
 * A statement that Kysely compiles once for each of some numbers of rows, small ones and the powers of two: compiling it for
 * every call costs as much as running it, and a statement for each number of rows would fill the memory.
 *
 * @param build the statement for `count` rows, with a parameter for each of their values
 */
export function bulk<Row>(build: (count: number) => Compilable<Row>): Bulk<Row> {
  const compiled = new Map<number, string>()
  const sqlFor = (count: number, width: number) => {
    const cached = compiled.get(count)
    if (cached !== undefined) return cached
    const { sql, parameters } = build(count).compile()
    if (parameters.length !== count * width) throw new Error(`${parameters.length} parameters: ${sql}`)
    compiled.set(count, sql)
    return sql
  }
  return {
    run: async (db, rows) => {
      const found: Row[] = []
      let changes = 0
      for (let begin = 0; begin < rows.length; ) {
        const count = countFor(rows.length - begin)
        const parameters = rows.slice(begin, begin + count).flat()
        const query = CompiledQuery.raw(sqlFor(count, parameters.length / count), parameters)
        const result = await db.executeQuery<Row>(query)
        for (const row of result.rows) found.push(row)
        changes += Number(result.numAffectedRows ?? 0n)
        begin += count
      }
      return { rows: found, changes }
    },
  }
}

/** How many of `left` rows a statement has: few rows are one statement, because each statement costs as much as some rows. */
function countFor(left: number): number {
  return left <= SMALL ? left : Math.min(MOST, 2 ** Math.floor(Math.log2(left)))
}

/** `count` copies of `row`, whose values are only placeholders. */
export function placeholders<Row>(count: number, row: Row): Row[] {
  return Array.from({ length: count }, () => row)
}
