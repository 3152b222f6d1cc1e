// npm run bench:registration [-- --seconds N] [--rounds N] [--registrations N] [--only TEXT]: how many registrations a second
// `fpki devices serve` answers beside a bare route over the same transport that imports the key of the request, verifies, signs
// and verifies, and nothing else. Both answer the same client in turn, in rounds, so that a busy machine is busy for both.
// One core: the server runs on one core only (taskset), the client on the other.
// --store postgres: instead, one and two instances on a register in PostgreSQL.
import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compareTogether } from './registration/instances.mjs'
import { bodyOf, load } from './registration/load.mjs'
import { bodyMaker, httpRequest } from './registration/requests.mjs'
import {
  benchHome,
  FPKI,
  inRounds,
  printComparison,
  serverCertificate,
  startNode,
  stop,
} from './registration/sides.mjs'
import { startPostgres } from './registration/temporary-postgres.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '5' },
    registrations: { type: 'string', default: '200000' },
    only: { type: 'string', default: '' },
    store: { type: 'string', default: 'sqlite' },
    prof: { type: 'string' },
  },
})
const [ROUNDS, SECONDS, REGISTRATIONS] = [values.rounds, values.seconds, values.registrations].map(Number)
const BARE = fileURLToPath(new URL('registration/bare.mjs', import.meta.url))
/** The cores of a server: one; both, with the threads that sign on the other. */
const [ONE, TWO] = ['0', '0,1']

const SCENES = [
  { name: 'one core, 16 connections', cores: ONE, bare: 'fastify', connections: 16, promised: 0.6 },
  { name: 'one core, 64 connections', cores: ONE, bare: 'fastify', connections: 64, promised: 0.6 },
  { name: 'two cores, 16 connections', cores: TWO, bare: 'fastify', connections: 16, promised: 1 },
  { name: 'two cores, 64 connections', cores: TWO, bare: 'fastify', connections: 64, promised: 1 },
  { name: 'one core, a connection each', cores: ONE, bare: 'node', connections: 16, reconnects: true, promised: 0.7 },
  { name: 'two cores, a connection each', cores: TWO, bare: 'node', connections: 16, reconnects: true },
  { name: 'one core, HTTP, 16 connections', cores: ONE, bare: 'fastify', isPlain: true, connections: 16 },
  { name: 'two cores, HTTP, 64 connections', cores: TWO, bare: 'fastify', isPlain: true, connections: 64 },
]

const bench = benchHome('registration')
const { home, env, directory, fpki } = bench
const newBody = bodyMaker('acme')
const certificate = serverCertificate(bench)

function start(cores, words, input) {
  return startNode(cores, words, { home, env, certificate, input })
}

function startFpki({ cores, isPlain = false }) {
  const tls = isPlain ? ['--no-tls'] : ['--tls-cert', join(home, 'server.pem'), '--tls-key', join(home, 'server.key')]
  const servers = ['--gateway', 'https://gw.acme.example:8443', '--ostree', 'https://ostree.acme.example:8443']
  const profile = values.prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.prof}`]
  const words = ['devices', 'serve', directory, '--register', '127.0.0.1:0', '--cloud', 'off']
  return start(cores, [...profile, FPKI, ...words, ...tls, ...servers])
}

/** @param answer what it answers each request with: as long as fpki's, which is bodyOf(run) */
function startBare({ cores, bare, isPlain = false }, answer) {
  return start(cores, [BARE, bare, isPlain ? 'http' : 'https', home], answer)
}

function rss({ child }) {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024)
}

async function compare(scene) {
  const { name, promised } = scene
  const served = await startFpki(scene)
  const requests = (count) =>
    Array.from({ length: count }, () => httpRequest(newBody(), token, { close: scene.reconnects }))
  const first = await load(served, requests(64), { ...scene, seconds: 60 })
  const sides = { bare: await startBare(scene, bodyOf(first)), fpki: served }
  const seconds = SECONDS / ROUNDS
  let count = 2000
  const once = async (server) => {
    const run = await load(server, requests(count), { ...scene, seconds })
    count = Math.max(count, Math.ceil(run.rate * seconds * 1.5))
    return run
  }
  const all = await inRounds(name, sides, { rounds: ROUNDS, status: 201, once })
  for (const server of Object.values(sides)) await stop(server)
  printComparison(name, all, { base: 'bare', promised })
}

/** How much more two bare servers on two cores answer together than one: what a second core is worth on this machine. */
async function secondCore() {
  const names = ['two cores, one bare server', 'two cores, two bare servers']
  if (!names.some((name) => name.includes(values.only))) return
  const scene = { cores: TWO, bare: 'fastify' }
  const served = await startFpki(scene)
  // A bare server answers a request as often as it comes.
  const again = Array.from({ length: 4000 }, () => httpRequest(newBody(), token))
  const answer = bodyOf(await load(served, again.slice(0, 1), { connections: 1, seconds: 60 }))
  await stop(served)
  const both = [await startBare(scene, answer), await startBare(scene, answer)]
  const sides = both.map((server) => ({ server, requests: () => again }))
  const scenes = names.map((name, at) => ({ name, sides: sides.slice(0, at + 1) }))
  await compareTogether(scenes, { connections: 16, rounds: ROUNDS, seconds: SECONDS / ROUNDS })
  for (const server of both) await stop(server)
}

/** What many registrations, of which one in fifty is refused, do to the memory of the service. */
async function memory() {
  const name = `${REGISTRATIONS} registrations, 2 % refused`
  if (!name.includes(values.only) || REGISTRATIONS === 0) return
  const served = await startFpki({ cores: TWO })
  const statuses = {}
  const sizes = []
  const each = Math.ceil(REGISTRATIONS / 20)
  for (let done = 0; done < REGISTRATIONS; done += each) {
    const batch = Array.from({ length: each }, (_, at) => {
      const body = newBody()
      return httpRequest(at % 50 === 0 ? body.replace(/"uuid": "./, '"uuid": "-') : body, token)
    })
    const run = await load(served, batch, { connections: 64, seconds: 600 })
    for (const [status, count] of Object.entries(run.statuses)) statuses[status] = (statuses[status] ?? 0) + count
    sizes.push(rss(served))
  }
  await stop(served)
  console.log(`${name}: ${JSON.stringify(statuses)}, RSS in MB ${sizes.join(' ')}`)
}

/** The last two scenes differ by what it costs that the quota of a line is one row, which each commit locks. */
async function instances() {
  fpki('lines', 'create', directory, 'site-b')
  const other = fpki('lines', 'token', directory, 'site-b').trim()
  const [one, two] = [await startFpki({ cores: TWO }), await startFpki({ cores: TWO })]
  const side = (server, of) => ({
    server,
    requests: (count) => Array.from({ length: count }, () => httpRequest(newBody(), of)),
  })
  const scenes = [
    { name: 'one instance', sides: [side(one, token)] },
    { name: 'two instances, one line', sides: [side(one, token), side(two, token)] },
    { name: 'two instances, a line each', sides: [side(one, token), side(two, other)] },
  ]
  await compareTogether(scenes, { connections: 32, rounds: ROUNDS, seconds: SECONDS / ROUNDS })
  for (const server of [one, two]) await stop(server)
}

fpki('ca', 'create', directory)
if (values.store === 'postgres') {
  env.FPKI_STORE = await startPostgres()
  fpki('devices', 'store', 'init', directory)
}
fpki('lines', 'create', directory, 'site-a')
const token = fpki('lines', 'token', directory, 'site-a').trim()
console.log(`Node ${process.version}, ${ROUNDS} rounds of ${SECONDS / ROUNDS} s, load ${loadavg()[0].toFixed(1)}`)
if (values.store === 'postgres') await instances()
else {
  for (const scene of SCENES.filter((one) => one.name.includes(values.only))) await compare(scene)
  await secondCore()
  await memory()
}
console.log(`load ${loadavg()[0].toFixed(1)}`)
process.exit()
