import { initPostgresRegister, openPostgresRegister } from '../../src/devices/open-postgres.js'
import { thisMachine } from '../../src/machine/index.js'
import { newDatabase, postgresServer, query } from '../support/postgres.js'

/** The database of this process, in which every scene has a schema of its own: that takes less time to make. */
let database: Promise<string> | null = null
let schemas = 0

/** An empty schema in a database of PostgreSQL, which connections find by their search path. */
export async function emptyPostgres() {
  const server = await postgresServer()
  database ??= newDatabase(server)
  const name = await database
  const schema = `s${++schemas}`
  await query(server, `create schema ${schema}`, name)
  const options = `-c search_path=${schema}`
  const address = { host: server.socket, port: server.port, user: 'fpki', database: name }
  const url = `postgres:///${name}?host=${address.host}&port=${address.port}&user=fpki&options=${encodeURIComponent(options)}`
  return {
    server,
    url,
    place: { ...address, options, password: async () => undefined, tls: null, name: url },
    /** Runs SQL in the schema, as its owner. */
    run: (sql: string) => query(server, sql, name, options),
  }
}

/** A new register in PostgreSQL. */
export async function postgresScene() {
  const scene = await emptyPostgres()
  await initPostgresRegister(scene.place, thisMachine())
  const open = (access: 'write' | 'read' = 'write') => openPostgresRegister(scene.place, { access })
  return { ...scene, open }
}
