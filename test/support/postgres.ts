import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import pg from 'pg'
import { inject, vi } from 'vitest'
import { PATIENT } from './patience.js'

/** A server of PostgreSQL for the tests. */
export interface TestServer {
  readonly port: number
  /** The folder of its socket, where everybody may log in as `fpki` without a password. */
  readonly socket: string
  /** The path of its certificate for localhost and 127.0.0.1, signed by itself. */
  readonly certificate: string
  /** The folder of its data: postmaster.pid, and pg_hba.conf. */
  readonly data: string
}

/** The password of the user fpki over TCP. */
export const PASSWORD = 'correct horse battery staple'

/**
 * The server of this run of the tests: the first that asks for it starts it, and global-setup.ts stops it. Without fsync: no
 * test asks what a disk has after a power failure.
 */
export async function postgresServer(): Promise<TestServer> {
  const folder = join(inject('originals'), 'postgres')
  const ready = join(folder, 'ready.json')
  if (isFirst(folder)) {
    const server = await startPostgres(folder, inject('runner'))
    writeFileSync(`${ready}.new`, JSON.stringify(server))
    renameSync(`${ready}.new`, ready)
  }
  await vi.waitFor(() => readFileSync(ready), PATIENT)
  return JSON.parse(readFileSync(ready, 'utf8'))
}

function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o711 })
    return true
  } catch {
    return false
  }
}

/** Makes and starts a server in a folder, which exists. It ends with the process `runner`, if nobody stops it before. */
export async function startPostgres(folder: string, runner: number): Promise<TestServer> {
  const [data, socket] = [join(folder, 'data'), join(folder, 'socket')]
  for (const path of [data, socket]) {
    mkdirSync(path, { mode: path === data ? 0o700 : 0o755 })
    chownSync(path, USER.uid, USER.gid)
  }
  const options = ['-U', 'fpki', '-A', 'trust', '-N', '--no-locale', '-E', 'UTF8', '--no-instructions']
  asUser(program('initdb'), ['-D', data, ...options], folder)
  writeFileSync(join(data, 'pg_hba.conf'), 'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n')
  const server = { port: await freePort(), socket, certificate: makeCertificate(data, folder), data }
  launchPostgres(server, runner)
  await vi.waitFor(() => query(server, `alter role fpki password '${PASSWORD}'`), PATIENT)
  return server
}

/** Starts a server whose data exist. */
export function launchPostgres({ port, socket, data }: TestServer, runner: number): void {
  const settings = {
    ...{ port, listen_addresses: '127.0.0.1', unix_socket_directories: socket, max_connections: 60, ssl: 'on' },
    ...{ fsync: 'off', full_page_writes: 'off', shared_buffers: '32MB', deadlock_timeout: '100ms' },
  }
  const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // Ends it also when the run of the tests is killed.
  const script = `"$@" & while [ -d /proc/${runner} ] && kill -0 $! ; do sleep 1; done; kill -QUIT $!`
  const all = ['-c', script, 'sh', program('postgres'), '-D', data, ...words]
  spawn('sh', all, { cwd: data, stdio: 'ignore', detached: true, ...USER }).unref()
}

/** Stops the server whose data are in a folder, if it runs: at once, as `pg_ctl stop -m immediate` does. */
export async function stopPostgres(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  process.kill(pid, 'SIGQUIT')
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Runs SQL as the owner of the server. */
export async function query(
  server: TestServer,
  sql: string,
  database = 'postgres',
  options = '',
): Promise<pg.QueryResult> {
  const client = new pg.Client({ host: server.socket, port: server.port, user: 'fpki', database, options })
  await client.connect()
  try {
    return await client.query(sql)
  } finally {
    await client.end()
  }
}

/** Creates an empty database, and resolves to its name. */
export async function newDatabase(server: TestServer): Promise<string> {
  const name = `t${randomBytes(6).toString('hex')}`
  await query(server, `create database ${name}`)
  return name
}

/** The server refuses root. */
const NOBODY = { uid: 65_534, gid: 65_534 }
const USER = process.getuid?.() === 0 ? NOBODY : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

function asUser(path: string, words: readonly string[], cwd: string): void {
  execFileSync(path, words, { cwd, stdio: ['ignore', 'ignore', 'inherit'], ...USER })
}

/** Debian has the server's programs outside of the PATH. Throws when they are missing. */
function program(name: string): string {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ]
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (found === undefined) throw new Error(`PostgreSQL is missing (${name}): run sh scripts/test-tools.sh`)
  return found
}

function makeCertificate(data: string, folder: string): string {
  const [key, certificate] = [join(data, 'server.key'), join(data, 'server.crt')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  execFileSync('openssl', [...words, '-keyout', key, '-out', certificate, ...names], { stdio: 'pipe' })
  chownSync(key, USER.uid, USER.gid)
  const shared = join(folder, 'server.pem')
  writeFileSync(shared, readFileSync(certificate))
  return shared
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
