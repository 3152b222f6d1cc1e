import { initPostgresRegister, openPostgresRegister } from '../../src/devices/open-postgres.js'
import type { PostgresPlace } from '../../src/devices/postgres.js'
import { thisMachine } from '../../src/machine/index.js'
import { newDatabase, postgresServer, query, type TestServer } from '../support/postgres.js'

/** The database of this process, in which every scene has a schema of its own: that takes less time to make. */
let database: Promise<string> | null = null
let schemas = 0

/** An empty schema in a database of PostgreSQL, which connections find by their search path. */
export async function emptyPostgres(): Promise<{
  readonly server: TestServer
  readonly place: PostgresPlace & { readonly options: string }
}> {
  const server = await postgresServer()
  database ??= newDatabase(server)
  const schema = `s${++schemas}`
  await query(server, `create schema ${schema}`, await database)
  const place = {
    ...{ host: server.socket, port: server.port, user: 'fpki', database: await database },
    ...{
      password: async () => undefined,
      tls: null,
      options: `-c search_path=${schema}`,
      name: `postgres://${schema}`,
    },
  }
  return { server, place }
}

/** A new register in PostgreSQL. */
export async function postgresScene() {
  const { server, place } = await emptyPostgres()
  await initPostgresRegister(place, thisMachine())
  const open = (access: 'write' | 'read' = 'write') => openPostgresRegister(place, access)
  const run = (sql: string) => query(server, `set search_path = ${place.options.split('=')[1]}; ${sql}`, place.database)
  return { server, place, open, run }
}
