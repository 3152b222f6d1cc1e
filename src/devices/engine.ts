import type { ColumnDefinitionBuilder, CreateTableBuilder } from 'kysely'

/** In what SQL databases differ, as far as the register uses them. */
export interface Engine {
  /** The type of octets. */
  readonly octets: 'blob' | 'bytea'
  /** The type of integers of up to 53 bits. */
  readonly integer: 'integer' | 'bigint'
  /** A primary key that the database numbers upwards. */
  id(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder
  /** Options of a new table. `clustered`: the rows are best stored in the order of the primary key. */
  table<Name extends string, Columns extends string>(
    table: CreateTableBuilder<Name, Columns>,
    clustered?: boolean,
  ): CreateTableBuilder<Name, Columns>
}
