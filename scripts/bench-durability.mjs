// npm run bench:durability [rounds] [rotations]: what it costs that each step is on the disk before the next one begins (`ca
// create` with fsync and without it, in turn, in one process), and how large register and history are after many rotations
// (without fsync, which changes no size).
import { lstatSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createPki, durableFiles, embeddedFactoryOn, nodeFileSystem, rotateTls, thisMachine } from '../dist/index.js'
import { countingSyncs } from './bench-costs.mjs'

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

/** All that is below a folder: how many names, and the octets and blocks of each file once, however many names it has. */
function sizeOf(folder) {
  const seen = new Map()
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    const status = lstatSync(join(entry.parentPath, entry.name))
    seen.set(status.ino, status)
  }
  const sum = (of) => [...seen.values()].reduce((total, status) => total + of(status), 0)
  return { names: entries.length, octets: sum(({ size }) => size), onDisk: sum(({ blocks }) => blocks * 512) }
}

/** Rotates the gateway's certificate many times, `days` apart by the clock, and prints what is left of it. */
async function rotate(home, { rotations, days, word }) {
  const factory = word.replaceAll(' ', '-')
  const directory = join(home, factory)
  const disk = withoutSync(nodeFileSystem())
  await create(disk, home, factory)
  const begin = Date.now()
  const times = []
  for (let rotation = 1; rotation <= rotations; rotation++) {
    const clock = () => new Date(begin + rotation * days * 86_400_000 + (Date.now() - begin) * Number(days === 0))
    const started = performance.now()
    await rotateTls({ directory, factory, tlsNames: [] }, { ...portsOn(disk, home, factory), clock })
    times.push(performance.now() - started)
    if (rotation !== 10 && rotation !== 100 && rotation !== rotations) continue
    const { names, octets, onDisk } = sizeOf(join(directory, '.fpki', 'history'))
    const snapshots = readdirSync(join(directory, '.fpki', 'history')).length
    const log = statSync(join(directory, '.fpki', 'log.jsonl')).size
    const earlier = readdirSync(directory).filter((name) => name.startsWith('tls-crt.bak')).length
    const pace = median(times.slice(-10)).toFixed(1)
    console.log(
      `history after ${String(rotation).padStart(4)} rotations (${word}): ${snapshots} snapshots, ${names} names, ${octets} octets, ${onDisk} on the disk; the register ${log} octets; ${earlier} earlier certificates; the last ten took ${pace} ms each`,
    )
  }
}

/** Prints both; `home` is a folder for it. */
export async function benchDurability(home, rounds = 40, rotations = 1000) {
  const disk = nodeFileSystem()
  let syncs = 0
  const counted = countingSyncs(disk, () => {
    syncs++
  })
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
  await rotate(home, { rotations, days: 0, word: 'at once' })
  await rotate(home, { rotations, days: 1, word: 'one a day' })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const home = mkdtempSync(join(tmpdir(), 'fpki-bench-'))
  await benchDurability(home, Number(process.argv[2] ?? 40), Number(process.argv[3] ?? 1000))
  rmSync(home, { recursive: true })
}
