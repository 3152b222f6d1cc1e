import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { slicesOf } from '../chunks.js'
import type { Schema } from './schema.js'
import type { TableShape } from './table-shapes.js'

/** A row of any table: octets, texts, integers and null. */
export type Row = Readonly<Record<string, unknown>>

/** How many rows are read, and written, at once. */
const READ = 1024
const WRITTEN = 256

/** The rows of a table in the order of its key, in pages. */
export async function* tablePages(
  db: Kysely<Schema>,
  { name, columns, key }: TableShape,
): AsyncGenerator<readonly Row[]> {
  const select = sql`select ${columnList(columns)} from ${sql.table(name)}`
  if (key === null) {
    yield (await sql<Row>`${select}`.execute(db)).rows
    return
  }
  for (let after: unknown; ; ) {
    const where = after === undefined ? sql`` : sql`where ${sql.ref(key)} > ${after}`
    const { rows } = await sql<Row>`${select} ${where} order by ${sql.ref(key)} limit ${sql.lit(READ)}`.execute(db)
    if (rows.length > 0) yield rows
    if (rows.length < READ) return
    after = rows.at(-1)?.[key]
  }
}

/** Adds rows to a table. */
export async function insertRows(
  db: Kysely<Schema>,
  { name, columns }: TableShape,
  rows: readonly Row[],
): Promise<void> {
  for (const some of slicesOf(rows, WRITTEN)) {
    const values = some.map((row) => sql`(${sql.join(columns.map((column) => row[column]))})`)
    await sql`insert into ${sql.table(name)} (${columnList(columns)}) values ${sql.join(values)}`.execute(db)
  }
}

function columnList(columns: readonly string[]) {
  return sql.join(columns.map((column) => sql.ref(column)))
}

/** A sum over the rows of all tables, in whatever order a database has them. */
export class RowDigest {
  readonly counts: Record<string, number> = {}
  #sum = 0n

  add({ name, columns }: TableShape, rows: readonly Row[]): void {
    this.counts[name] = (this.counts[name] ?? 0) + rows.length
    for (const row of rows) {
      const values = columns.map((column) => comparable(row[column]))
      const hash = createHash('sha256')
        .update(JSON.stringify([name, ...values]))
        .digest('hex')
      this.#sum = BigInt.asUintN(256, this.#sum + BigInt(`0x${hash}`))
    }
  }

  /** Equal only for the same rows. */
  toString(): string {
    return JSON.stringify([this.counts, this.#sum.toString(16)])
  }
}

/** The same for the types of both databases. */
function comparable(value: unknown): unknown {
  return value instanceof Uint8Array ? { octets: Buffer.from(value).toString('hex') } : value
}
