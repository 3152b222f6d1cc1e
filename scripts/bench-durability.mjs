// npm run bench:durability [rounds] [rotations]: what it costs that each step is on the disk before the next one begins (`ca
// create` with fsync and without it, in turn, in one process), and how large register and history are after many rotations.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  certifyServer,
  createPki,
  durableFiles,
  embeddedFactoryOn,
  nodeFileSystem,
  thisMachine,
} from '../dist/index.js'

/** A file system that takes the disk at its word. */
function withoutSync(fs) {
  const unsynced = (open) => async (path, mode) => ({ ...(await open(path, mode)), sync: async () => undefined })
  const { createFile, openToAppend } = fs
  return {
    ...fs,
    createFile: unsynced(createFile),
    openToAppend: unsynced(openToAppend),
    syncDirectory: async () => undefined,
  }
}

function portsOn(files, home, factory) {
  const machine = { ...thisMachine(), files: durableFiles(files) }
  const { signal } = new AbortController()
  const api = embeddedFactoryOn(machine, { stateDirectory: join(home, 'state'), factory }, signal)
  return { ...machine, api, signal, progress: { step: () => undefined, note: () => undefined, warn: () => undefined } }
}

async function create(files, home, factory) {
  const options = { directory: join(home, factory), factory, onlineCa: true, localCa: true, tlsNames: [] }
  const begin = performance.now()
  await createPki(options, portsOn(files, home, factory))
  return performance.now() - begin
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/** All that is below a folder: names, octets and blocks, each file once however many names it has. */
function sizeOf(folder) {
  const seen = new Map()
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    const status = statSync(join(entry.parentPath, entry.name))
    seen.set(status.ino, status)
  }
  const all = [...seen.values()]
  return { names: entries.length, kilobytes: Math.round(all.reduce((sum, { blocks }) => sum + blocks * 512, 0) / 1024) }
}

/** Prints both; `home` is a folder for it. */
export async function benchDurability(home, rounds = 40, rotations = 1000) {
  const disk = nodeFileSystem()
  let syncs = 0
  const counted = {
    ...disk,
    createFile: async (path, mode) => {
      syncs++
      return disk.createFile(path, mode)
    },
    openToAppend: async (path, mode) => {
      syncs++
      return disk.openToAppend(path, mode)
    },
    syncDirectory: async (path) => {
      syncs++
      return disk.syncDirectory(path)
    },
  }
  await create(counted, home, 'warm')
  const [synced, unsynced] = [[], []]
  for (let round = 0; round < rounds; round++) {
    synced.push(await create(disk, home, `synced-${round}`))
    unsynced.push(await create(withoutSync(disk), home, `unsynced-${round}`))
  }
  const [slow, fast] = [median(synced), median(unsynced)]
  console.log(
    `\nwhat durability costs: ca create with ${syncs} fsync ${slow.toFixed(1)} ms, without ${fast.toFixed(1)} ms, x ${(slow / fast).toFixed(2)}`,
  )
  const directory = join(home, 'warm')
  const times = []
  for (let rotation = 1; rotation <= rotations; rotation++) {
    const begin = performance.now()
    await certifyServer('tls', { directory, factory: 'warm', tlsNames: [] }, portsOn(withoutSync(disk), home, 'warm'))
    times.push(performance.now() - begin)
    if (rotation !== 10 && rotation !== 100 && rotation !== rotations) continue
    const history = sizeOf(join(directory, '.fpki', 'history'))
    const snapshots = readdirSync(join(directory, '.fpki', 'history')).length
    const log = Math.round(statSync(join(directory, '.fpki', 'log.jsonl')).size / 1024)
    console.log(
      `after ${String(rotation).padStart(4)} rotations: ${snapshots} snapshots, ${history.kilobytes} KB in ${history.names} names; the register ${log} KB; the last ten took ${median(times.slice(-10)).toFixed(1)} ms each`,
    )
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const home = mkdtempSync(join(tmpdir(), 'fpki-bench-'))
  await benchDurability(home, Number(process.argv[2] ?? 40), Number(process.argv[3] ?? 1000))
  rmSync(home, { recursive: true })
}
