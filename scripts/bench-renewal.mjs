// npm run bench:renewal [-- --seconds N] [--rounds N] [--devices N] [--only TEXT]: how many renewals a second
// `fpki devices serve --est` answers beside a bare route over the same TLS that does the same cryptography and nothing else: the
// client's certificate, the request, the signature and its verification. Both answer the same client in turn, in rounds.
// One core: the server runs on one core only (taskset), the client on the other.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { load } from './registration/load.mjs'
import { pemOf, requestMaker } from './registration/requests.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '4' },
    devices: { type: 'string', default: '8000' },
    only: { type: 'string', default: '' },
    prof: { type: 'string' },
  },
})
const [ROUNDS, SECONDS, DEVICES] = [values.rounds, values.seconds, values.devices].map(Number)
const FPKI = fileURLToPath(new URL('../bin/fpki.js', import.meta.url))
const BARE = fileURLToPath(new URL('renewal/bare.mjs', import.meta.url))
/** As many renewals of a device as the register allows in a day without their use, but one. */
const MOST_OF_A_DEVICE = 9

const SCENES = [
  { name: 'one core, a connection each', cores: '0', reconnects: true, promised: 0.6 },
  { name: 'two cores, a connection each', cores: '0,1', reconnects: true, promised: 0.6 },
  // No device does this: what a renewal costs without the handshake.
  { name: 'one core, nine renewals a connection', cores: '0' },
]

const home = mkdtempSync(join(tmpdir(), 'fpki-bench-renewal-'))
process.on('exit', () => rmSync(home, { recursive: true }))
const env = { ...process.env, HOME: home, FPKI_API: 'embedded' }
const directory = join(home, 'acme')
const newRequest = requestMaker('acme')

function fpki(...words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [FPKI, ...words], {
    ...{ env, encoding: 'utf8', maxBuffer: 1 << 28 },
  })
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`)
  return stdout
}

/** Starts a server on some cores, and waits for its address on stderr. */
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
    const [, port] = /\bat https:\/\/127\.0\.0\.1:(\d+)/.exec(text) ?? []
    if (port !== undefined) return { child, port: Number(port), ca: certificate }
    if (child.exitCode !== null) throw new Error(`no server: ${text}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function startFpki(cores) {
  const tls = ['--tls-cert', join(home, 'server.pem'), '--tls-key', join(home, 'server.key')]
  const profile = values.prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.prof}`]
  return start(cores, [...profile, FPKI, 'devices', 'serve', directory, '--est', '127.0.0.1:0', ...tls])
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

/** Devices with certificates: their keys are here, the register has the rest. */
function makeDevices(count) {
  const requests = Array.from({ length: count }, () => newRequest())
  const [input, output] = [join(home, 'requests.jsonl'), join(home, `devices-${requests[0].uuid}.jsonl`)]
  writeFileSync(input, requests.map(({ uuid, der }) => JSON.stringify({ uuid, csr: pemOf(der) })).join('\n'))
  fpki('devices', 'issue', directory, '--from', input, '--out', output, '--quiet')
  const certificates = new Map(
    readFileSync(output, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map((row) => [row.uuid, row['client.pem'] ?? row.certificate]),
  )
  return requests.map(({ uuid, privateKey }) => ({
    ...{ uuid, cert: certificates.get(uuid), renewals: 0 },
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }),
  }))
}

function renewal({ uuid, key, cert }) {
  const body = newRequest(uuid).der.toString('base64')
  const headers = [
    ...['POST /.well-known/est/simplereenroll HTTP/1.1', 'Host: localhost', 'Content-Type: application/pkcs10'],
    `Content-Length: ${body.length}`,
  ]
  return { octets: Buffer.from(`${headers.join('\r\n')}\r\n\r\n${body}`), key, cert }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[(numbers.length - 1) >> 1]
const percentile = (times, part) => times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? 0

/** Requests of devices that may still renew. The bare route does not count them. */
function requestsOf(count, isCounted) {
  const able = devices.filter(({ renewals }) => renewals < MOST_OF_A_DEVICE).slice(0, count)
  if (able.length < count) throw new Error('too few devices: --devices')
  if (isCounted) for (const device of able) device.renewals += 1
  return able.map(renewal)
}

/** On the connection of one device, all of its renewals: what the handshake costs is left out. */
async function lanes(server, count, seconds, isCounted) {
  const able = devices.filter(({ renewals }) => renewals === 0).slice(0, Math.ceil(count / MOST_OF_A_DEVICE))
  if (isCounted) for (const device of able) device.renewals = MOST_OF_A_DEVICE
  const runs = able.map((device) => Array.from({ length: MOST_OF_A_DEVICE }, () => renewal(device)))
  const begin = performance.now()
  const all = { times: [], statuses: {}, lost: 0, last: '' }
  const lane = async () => {
    for (let own = runs.pop(); own !== undefined && performance.now() - begin < seconds * 1000; own = runs.pop()) {
      const run = await load(server, own, { connections: 1, seconds: 60 })
      all.times.push(...run.times)
      for (const [status, some] of Object.entries(run.statuses))
        all.statuses[status] = (all.statuses[status] ?? 0) + some
      all.lost += run.lost
      all.last = run.last
    }
  }
  await Promise.all(Array.from({ length: 16 }, lane))
  return { ...all, rate: (all.times.length / (performance.now() - begin)) * 1000, busy: 0 }
}

async function compare({ name, cores, reconnects = false, promised }) {
  const served = await startFpki(cores)
  const run = (server, count, seconds, isCounted) =>
    reconnects
      ? load(server, requestsOf(count, isCounted), { connections: 16, seconds, reconnects })
      : lanes(server, count, seconds, isCounted)
  const first = await run(served, 64, 60, true)
  const answer = first.last.slice(first.last.indexOf('\r\n\r\n') + 4)
  const sides = { bare: await start(cores, [BARE, home], answer), fpki: served }
  const all = { bare: [], fpki: [] }
  const seconds = SECONDS / ROUNDS
  // The first round warms up.
  let count = 500
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [side, server] of Object.entries(sides)) {
      const before = processorTime(server)
      const one = await run(server, count, seconds, side === 'fpki')
      if (one.lost > 0 || one.statuses[200] !== one.times.length)
        throw new Error(`${name}, ${side}: ${JSON.stringify(one.statuses)}, ${one.lost} without an answer: ${one.last}`)
      if (round > 0) all[side].push({ ...one, cost: (processorTime(server) - before) / one.times.length })
      count = Math.min(DEVICES, Math.max(count, Math.ceil(one.rate * seconds * 1.5)))
    }
  }
  for (const server of Object.values(sides)) await stop(server)
  const cells = Object.entries(all).map(([side, runs]) => {
    const times = runs.flatMap((one) => one.times)
    const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)].map((time) => time.toFixed(1))
    const cost = Math.round(median(runs.map((one) => one.cost * 1e6)))
    return `${side} ${Math.round(median(runs.map(({ rate }) => rate)))}/s p50 ${p50} p99 ${p99} ms, ${cost} us each`
  })
  const ratios = all.fpki.map((one, round) => one.rate / all.bare[round].rate)
  const cost = median(all.bare.map((one, round) => one.cost / all.fpki[round].cost))
  const verdict = promised === undefined ? '' : median(ratios) >= promised ? ` >= ${promised}` : ` MISSED ${promised}`
  const list = ratios.map((ratio) => ratio.toFixed(2)).join(' ')
  console.log(
    `${name}: ratio ${median(ratios).toFixed(2)}${verdict} (${list}; processor time ${cost.toFixed(2)})\n  ${cells.join('\n  ')}`,
  )
}

fpki('ca', 'create', directory)
const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2']
const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(home, 'server.key')]
const made = spawnSync('openssl', ['req', '-x509', ...key, ...name, '-out', join(home, 'server.pem')])
if (made.status !== 0) throw new Error(made.stderr.toString())
const certificate = readFileSync(join(home, 'server.pem'))
let devices = []
console.log(`Node ${process.version}, ${ROUNDS} rounds of ${SECONDS / ROUNDS} s, load ${loadavg()[0].toFixed(1)}`)
for (const scene of SCENES.filter((one) => one.name.includes(values.only))) {
  devices = makeDevices(DEVICES)
  await compare(scene)
}
console.log(`load ${loadavg()[0].toFixed(1)}`)
process.exit()
