import { sql } from 'kysely'
import { inMemory } from './sqlite.js'
import { migrate } from './sqlite-schema.js'

/** A table of the schema, whatever its engine. */
export interface TableShape {
  readonly name: string
  readonly columns: readonly string[]
  /** Its primary key, in whose order it is read; null: it has one row. */
  readonly key: string | null
  /** Whether the database numbers the rows. */
  readonly isNumbered: boolean
}

/** The tables of the schema in the order of their creation: a row refers only to rows of earlier tables. */
export async function tableShapes(): Promise<readonly TableShape[]> {
  const connection = await inMemory()
  try {
    await migrate(connection, { id: '', createdAt: 0 })
    const { rows } = await sql<{ readonly name: string }>`select name from sqlite_schema
      where type = 'table' order by rowid`.execute(connection.db)
    const shapes: TableShape[] = []
    for (const { name } of rows) {
      const { rows: columns } = await sql<ColumnInfo>`select name, type, pk from pragma_table_info(${name})`.execute(
        connection.db,
      )
      const key = columns.find(({ pk }) => pk > 0)
      const isNumbered = key?.name === 'id' && key.type === 'INTEGER'
      shapes.push({ name, columns: columns.map((column) => column.name), key: key?.name ?? null, isNumbered })
    }
    return shapes
  } finally {
    await connection.close()
  }
}

interface ColumnInfo {
  readonly name: string
  readonly type: string
  readonly pk: number
}
