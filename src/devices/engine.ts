import type { ColumnDefinitionBuilder, CreateTableBuilder, SelectQueryBuilder } from 'kysely'

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
  /** How often a transaction is tried while another one is in its way: for two minutes in all. See transactions.ts. */
  readonly tries: number
  /**
   * Locks the rows of a table that a query in a transaction finds, in the order of the query. An engine in which only one
   * transaction writes at a time changes nothing.
   */
  lock<Tables, Table extends keyof Tables & string, Row>(
    query: SelectQueryBuilder<Tables, Table, Row>,
    table: Table,
  ): SelectQueryBuilder<Tables, Table, Row>
  /**
   * Locks the rows of a table that a query in a transaction finds, and leaves out those that another transaction has locked.
   * An engine in which only one transaction writes at a time changes nothing.
   */
  lockFree<Tables, Table extends keyof Tables & string, Row>(
    query: SelectQueryBuilder<Tables, Table, Row>,
    table: Table,
  ): SelectQueryBuilder<Tables, Table, Row>
}
