import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDeviceRegister, type RegisterOptions } from '../../src/devices/open.js'
import { initPostgresRegister } from '../../src/devices/open-postgres.js'
import { postgresPlace } from '../../src/devices/postgres-place.js'
import { thisMachine } from '../../src/machine/index.js'
import { temporaryDirectory } from '../support/cli.js'
import { newDatabase, postgresServer } from '../support/postgres.js'

const [ACME, OTHER] = ['a'.repeat(64), 'b'.repeat(64)]
const machine = thisMachine()

async function inSqlite() {
  const path = join(await temporaryDirectory(), 'devices.sqlite')
  return (access: 'read' | 'write'): RegisterOptions => ({ path, create: access === 'write' })
}

async function inPostgres() {
  const server = await postgresServer()
  const { socket, port } = server
  const url = `postgres:///${await newDatabase(server)}?host=${socket}&port=${port}&user=fpki`
  await initPostgresRegister(await postgresPlace(url, machine.files), machine)
  return (access: 'read' | 'write'): RegisterOptions => ({ url, write: access === 'write' })
}

test.each([
  ['SQLite', inSqlite],
  ['PostgreSQL', inPostgres],
])('a register in %s belongs to the root that wrote to it first, and no other root uses it', async (_, scene) => {
  const at = await scene()
  const open = async (access: 'read' | 'write', rootKey?: string) => {
    const owner = rootKey === undefined ? {} : { rootKey, directory: '/srv/acme' }
    const register = await openDeviceRegister({ ...at(access), ...owner }, machine)
    if (access === 'write') await register.jobs.begin('default', 0)
    await register.close()
  }
  await open('write')
  // Whoever only looks makes it nobody's.
  await open('read', OTHER)
  await open('write', ACME)
  await open('write', ACME)
  await open('read', ACME)
  for (const access of ['read', 'write'] as const)
    await expect(open(access, OTHER)).rejects.toMatchObject({
      code: 'ERR_OTHER_ROOT',
      message: 'The device register belongs to another root than /srv/acme.',
    })
  await open('read')
})
