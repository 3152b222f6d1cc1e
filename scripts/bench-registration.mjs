// npm run bench:registration [-- --seconds N] [--rounds N] [--registrations N] [--only TEXT]: how many registrations a second
// `fpki devices serve` answers beside a bare route over the same transport that imports the key of the request, verifies, signs
// and verifies, and nothing else. Both answer the same client in turn, in rounds, so that a busy machine is busy for both.
// One core: the server runs on one core only (taskset), the client on the other.
// --store postgres: instead, one and two instances on a register in PostgreSQL.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compareInstances } from './registration/instances.mjs'
import { load } from './registration/load.mjs'
import { bodyMaker, httpRequest } from './registration/requests.mjs'
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
const FPKI = fileURLToPath(new URL('../bin/fpki.js', import.meta.url))
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

const home = mkdtempSync(join(tmpdir(), 'fpki-bench-registration-'))
process.on('exit', () => rmSync(home, { recursive: true }))
const env = { ...process.env, HOME: home, FPKI_API: 'embedded' }
const directory = join(home, 'acme')
const newBody = bodyMaker('acme')

function fpki(...words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [FPKI, ...words], { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`)
  return stdout
}

/** Starts a server on some cores, and waits for its address on stderr. Its log goes to a file, as it would under systemd. */
async function start(cores, words, input = '') {
  const stdout = openSync(join(home, 'log'), 'a')
  const child = spawn('taskset', ['-c', cores, process.execPath, ...words], { env, stdio: ['pipe', stdout, 'pipe'] })
  process.on('exit', () => child.kill('SIGKILL'))
  child.stdin.end(input)
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (more) => {
    text += more
  })
  for (;;) {
    const [, scheme, port] = /\bat (https?):\/\/127\.0\.0\.1:(\d+)/.exec(text) ?? []
    if (port !== undefined) return { child, port: Number(port), ca: scheme === 'https' ? certificate : null }
    if (child.exitCode !== null) throw new Error(`no server: ${text}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function startFpki({ cores, isPlain = false }) {
  const tls = isPlain ? ['--no-tls'] : ['--tls-cert', join(home, 'server.pem'), '--tls-key', join(home, 'server.key')]
  const servers = ['--gateway', 'https://gw.acme.example:8443', '--ostree', 'https://ostree.acme.example:8443']
  const profile = values.prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.prof}`]
  const words = ['devices', 'serve', directory, '--register', '127.0.0.1:0', '--cloud', 'off']
  return start(cores, [...profile, FPKI, ...words, ...tls, ...servers])
}

async function stop({ child }) {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill()
  await ended
}

/** Processor time of a process and its threads, in seconds. */
function processorTime({ child }) {
  const [user, system] = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 13)
  return (Number(user) + Number(system)) / 100
}

function rss({ child }) {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024)
}

/** Of an even number of values the lower one of the two in the middle: no ratio looks better than it is. */
const median = (numbers) => numbers.toSorted((a, b) => a - b)[(numbers.length - 1) >> 1]
const percentile = (times, part) => times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? 0

async function compare(scene) {
  const { name, bare, isPlain = false, promised } = scene
  const served = await startFpki(scene)
  const requests = (count) =>
    Array.from({ length: count }, () => httpRequest(newBody(), token, { close: scene.reconnects }))
  const first = await load(served, requests(64), { ...scene, seconds: 60 })
  const answer = first.last.slice(first.last.indexOf('\r\n\r\n') + 4)
  const words = [BARE, bare, isPlain ? 'http' : 'https', home]
  const sides = { bare: await start(scene.cores, words, answer), fpki: served }
  const all = { bare: [], fpki: [] }
  const seconds = SECONDS / ROUNDS
  // The first round warms up.
  let count = 2000
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [side, server] of Object.entries(sides)) {
      const batch = requests(count)
      const before = processorTime(server)
      const run = await load(server, batch, { ...scene, seconds })
      if (run.lost > 0 || run.statuses[201] !== run.times.length)
        throw new Error(`${name}, ${side}: ${JSON.stringify(run.statuses)}, ${run.lost} without an answer`)
      if (round > 0) all[side].push({ ...run, cost: (processorTime(server) - before) / run.times.length })
      count = Math.max(count, Math.ceil(run.rate * seconds * 1.5))
    }
  }
  for (const server of Object.values(sides)) await stop(server)
  const cells = Object.entries(all).map(([side, runs]) => {
    const times = runs.flatMap((run) => run.times)
    const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)].map((time) => time.toFixed(1))
    const cost = Math.round(median(runs.map((run) => run.cost * 1e6)))
    const busy = Math.round(100 * median(runs.map((run) => run.busy)))
    return `${side} ${Math.round(median(runs.map(({ rate }) => rate)))}/s p50 ${p50} p99 ${p99} ms, ${cost} us each, client ${busy} %`
  })
  const ratios = all.fpki.map((run, round) => run.rate / all.bare[round].rate)
  const verdict = promised === undefined ? '' : median(ratios) >= promised ? ` >= ${promised}` : ` MISSED ${promised}`
  const cost = median(all.bare.map((run, round) => run.cost / all.fpki[round].cost))
  const list = ratios.map((ratio) => ratio.toFixed(2)).join(' ')
  console.log(
    `${name}: ratio ${median(ratios).toFixed(2)}${verdict} (${list}; processor time ${cost.toFixed(2)})\n  ${cells.join('\n  ')}`,
  )
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

async function instances() {
  fpki('lines', 'create', directory, 'site-b')
  const tokens = [token, fpki('lines', 'token', directory, 'site-b').trim()]
  const both = [await startFpki({ cores: TWO }), await startFpki({ cores: TWO })]
  await compareInstances({ instances: both, tokens, newBody, rounds: ROUNDS, seconds: SECONDS / ROUNDS, median })
  for (const server of both) await stop(server)
}

fpki('ca', 'create', directory)
if (values.store === 'postgres') {
  env.FPKI_STORE = await startPostgres()
  fpki('devices', 'store', 'init', directory)
}
fpki('lines', 'create', directory, 'site-a')
const token = fpki('lines', 'token', directory, 'site-a').trim()
const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2']
const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(home, 'server.key')]
const made = spawnSync('openssl', ['req', '-x509', ...key, ...name, '-out', join(home, 'server.pem')])
if (made.status !== 0) throw new Error(made.stderr.toString())
const certificate = readFileSync(join(home, 'server.pem'))
console.log(`Node ${process.version}, ${ROUNDS} rounds of ${SECONDS / ROUNDS} s, load ${loadavg()[0].toFixed(1)}`)
if (values.store === 'postgres') await instances()
else {
  for (const scene of SCENES.filter((one) => one.name.includes(values.only))) await compare(scene)
  await memory()
}
console.log(`load ${loadavg()[0].toFixed(1)}`)
process.exit()
