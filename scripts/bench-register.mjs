// npm run bench:register [rows]: the device register with look-ups and commits of 256 devices, all on the disk, and the same
// SQL by prepared statements in another file, in turn: rows a second and CPU time a row of this thread, at the beginning and
// at the end, and the size of the register.
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DatabaseSync } from '@photostructure/sqlite'
import { ALL_DEVICES, openDeviceRegister, thisMachine } from '../dist/index.js'

const CHUNK = 256
const CA = 'ab'.repeat(32)

function newCertificates() {
  return Array.from({ length: CHUNK }, () => {
    const uuid = randomUUID()
    const facts = { name: uuid, group: null, hardwareId: 'imx8mm-evk-rev-b', serialNumber: 'SN00012345' }
    const octets = { keyHash: randomBytes(32), serial: randomBytes(20).toString('hex'), der: randomBytes(520) }
    return { uuid, ...facts, ...octets, isProduction: true, notAfter: 2_000_000_000_000, proof: null }
  })
}

/** The statements of the register without Kysely and without its checks, in a file that the register has made. */
function prepared(path) {
  const db = new DatabaseSync(path)
  for (const setting of [
    'synchronous = full',
    'foreign_keys = on',
    'wal_autocheckpoint = 65536',
    'cache_size = -65536',
  ])
    db.exec(`pragma ${setting}`)
  const rows = (columns) => Array(CHUNK).fill(`(${Array(columns).fill('?')})`)
  const list = `(${Array(CHUNK).fill('?')})`
  db.exec(`insert into cas (fingerprint) values ('${CA}')`)
  const devices = db.prepare(`select * from devices where uuid in ${list}`)
  const keys = db.prepare(
    `select key_hash, uuid from keys join devices on devices.id = keys.device where key_hash in ${list}`,
  )
  const insertDevices = db.prepare(`insert into devices (uuid, line, ca, name, device_group, hardware_id, serial_number,
    is_production, created_at, state, issued_at, not_after) values ${rows(12)} on conflict do nothing returning id, uuid`)
  const insertKeys = db.prepare(`insert into keys (key_hash, device) values ${rows(2)} on conflict do nothing`)
  const insertCertificates = db.prepare(`insert into certificates (device, serial, key_hash, der, issued_at, not_after,
    state, ended_at, ca) values ${rows(9)} on conflict do nothing`)
  const quota = db.prepare('update lines set issued = issued + ? where id = 1 and state = ?')
  return {
    lookUp: (certificates) => {
      devices.all(...certificates.map(({ uuid }) => Buffer.from(uuid.replaceAll('-', ''), 'hex')))
      keys.all(...certificates.map(({ keyHash }) => keyHash))
    },
    commit: ({ at, certificates }) => {
      db.exec('begin immediate')
      quota.run(CHUNK, 'open')
      const uuids = certificates.map(({ uuid }) => Buffer.from(uuid.replaceAll('-', ''), 'hex'))
      const made = insertDevices.all(
        ...certificates.flatMap((one, index) => {
          const facts = [null, null, one.hardwareId, one.serialNumber, 1]
          return [uuids[index], 1, 1, ...facts, at, 'active', at, one.notAfter]
        }),
      )
      const ids = new Map(made.map(({ id, uuid }) => [Buffer.from(uuid).toString('latin1'), id]))
      const devicesOf = uuids.map((uuid) => ids.get(uuid.toString('latin1')))
      insertKeys.run(...certificates.flatMap(({ keyHash }, index) => [keyHash, devicesOf[index]]))
      insertCertificates.run(
        ...certificates.flatMap(({ serial, keyHash, der, notAfter }, index) => {
          return [devicesOf[index], Buffer.from(serial, 'hex'), keyHash, der, at, notAfter, 'active', null, 1]
        }),
      )
      db.exec('commit')
    },
    close: () => db.close(),
  }
}

/** Sums of wall and CPU time, in microseconds. */
function stopwatch() {
  const total = { wall: 0, lookUp: 0, commit: 0, rows: 0 }
  const time = async (what, work) => {
    const [begin, cpu] = [performance.now(), process.cpuUsage()]
    await work()
    const { user, system } = process.cpuUsage(cpu)
    total.wall += (performance.now() - begin) * 1000
    total[what] += user + system
  }
  return { total, time }
}

async function issue(register, watch, rows) {
  for (let done = 0; done < rows; done += CHUNK) {
    const certificates = newCertificates()
    await watch.time('lookUp', () => register.lookUp(certificates))
    await watch.time('commit', () =>
      register.commit({ line: 'default', ca: CA, at: Date.now(), announce: false, certificates }),
    )
  }
  watch.total.rows += rows
}

const perRow = ({ wall, lookUp, commit, rows }) => {
  const cpu = `${(lookUp / rows).toFixed(1)} + ${(commit / rows).toFixed(1)} µs of CPU`
  return `${Math.round((rows / wall) * 1e6)} rows/s, look-up + commit ${cpu} a row`
}

/** Prints all; `home` is a folder for it. */
export async function benchRegister(home, rows = 1_000_000) {
  const [path, rawPath] = [join(home, 'devices.sqlite'), join(home, 'raw.sqlite')]
  await (await openDeviceRegister({ path: rawPath, create: true }, thisMachine())).close()
  const contestants = [await openDeviceRegister({ path, create: true }, thisMachine()), prepared(rawPath)]
  const tenth = rows / 10
  const ends = []
  for (let at = 0; at < 10; at++) {
    const watches = contestants.map(stopwatch)
    // In turn, so that whatever else the machine does meanwhile slows down both.
    for (let part = 0; part < 10; part++)
      for (const [index, watch] of watches.entries()) await issue(contestants[index], watch, tenth / 10)
    if (at === 0 || at === 9) ends.push(watches.map(({ total }) => total))
  }
  const [[first, firstRaw], [last, lastRaw]] = ends
  const ratio = (a, b) => (b.wall / b.rows / (a.wall / a.rows)).toFixed(2)
  console.log(`\nregister, the first ${tenth} of ${rows}: ${perRow(first)}`)
  console.log(`register, the last: ${perRow(last)}; rate x ${ratio(last, first)} of the first`)
  console.log(`prepared statements, the first: ${perRow(firstRaw)}; the last: ${perRow(lastRaw)}`)
  console.log(`rate of the register x ${ratio(first, firstRaw)} and x ${ratio(last, lastRaw)} of prepared statements`)
  // The last few thousand.
  const since = Date.now() - 1000
  for (const [what, work] of [
    ['count', (register) => register.count(ALL_DEVICES)],
    ['count --ca', (register) => register.count({ ...ALL_DEVICES, ca: CA })],
    ['count --hardware-id', (register) => register.count({ ...ALL_DEVICES, hardwareId: 'imx8mm-evk-rev-b' })],
    ['count --line --since', (register) => register.count({ ...ALL_DEVICES, line: 'default', since: Date.now() })],
    ['head', (register) => register.head()],
    ['list --line --since', (register) => firstOf(register, { ...ALL_DEVICES, line: 'default', since }, 1000)],
    ['list, the first 1,000', (register) => firstOf(register, ALL_DEVICES, 1000)],
    ['list --line, the first 1,000', (register) => firstOf(register, { ...ALL_DEVICES, line: 'default' }, 1000)],
  ]) {
    const begin = performance.now()
    await work(contestants[0])
    console.log(`${what}: ${(performance.now() - begin).toFixed(0)} ms`)
  }
  const rss = Math.round(process.memoryUsage().rss / 1e6)
  for (const contestant of contestants) await contestant.close()
  console.log(`${Math.round(statSync(path).size / rows)} octets a device; RSS ${rss} MB, with both databases open`)
}

async function firstOf(register, filter, count) {
  let seen = 0
  for await (const _ of register.devices(filter)) if (++seen === count) return
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const home = mkdtempSync(join(tmpdir(), 'fpki-bench-'))
  await benchRegister(home, Number(process.argv[2] ?? 1_000_000))
  rmSync(home, { recursive: true })
}
