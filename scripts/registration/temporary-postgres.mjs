// A server of PostgreSQL as Debian has it, durable as by default, that ends with this process.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const DEBIAN = '/usr/lib/postgresql'
/** The server refuses root. */
const NOBODY = { uid: 65_534, gid: 65_534 }

/** Resolves to the URL of an empty database, which is reached by a socket. */
export async function startPostgres() {
  const folder = mkdtempSync(join(tmpdir(), 'fpki-bench-postgres-'))
  const isRoot = process.getuid() === 0
  const options = { cwd: folder, stdio: 'ignore', ...(isRoot ? NOBODY : {}) }
  // The clients come from outside.
  chmodSync(folder, 0o711)
  if (isRoot) chownSync(folder, NOBODY.uid, NOBODY.gid)
  const [newest] = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a))
  const program = (name) => join(DEBIAN, newest, 'bin', name)
  const data = join(folder, 'data')
  execFileSync(program('initdb'), ['-D', data, '-U', 'fpki', '-A', 'trust', '--no-locale', '-E', 'UTF8'], options)
  const server = spawn(program('postgres'), ['-D', data, '-h', '', '-k', folder], options)
  process.on('exit', () => {
    // At once: nobody needs its data any more.
    server.kill('SIGQUIT')
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
  })
  while (!isReady(program('pg_isready'), folder)) {
    if (server.exitCode !== null) throw new Error('PostgreSQL does not start')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return `postgres:///postgres?host=${folder}&user=fpki`
}

function isReady(program, folder) {
  try {
    execFileSync(program, ['-h', folder, '-U', 'fpki'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
