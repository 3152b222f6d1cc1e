// npm run bench:renewal [-- --seconds N] [--rounds N] [--devices N] [--only TEXT]: how many renewals a second
// `fpki devices serve --est` answers beside a bare route over the same TLS that does the same cryptography and nothing else: the
// client's certificate, the request, the signature and its verification. Both answer the same client in turn, in rounds.
// One core: the server runs on one core only (taskset), the client on the other.
import { readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bodyOf, load } from './registration/load.mjs'
import { pemOf, requestMaker } from './registration/requests.mjs'
import {
  benchHome,
  FPKI,
  inRounds,
  printComparison,
  serverCertificate,
  startNode,
  stop,
} from './registration/sides.mjs'

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
const BARE = fileURLToPath(new URL('renewal/bare.mjs', import.meta.url))
/** As many renewals of a device as the register allows in a day without their use, but one. */
const MOST_OF_A_DEVICE = 9

const SCENES = [
  { name: 'one core, a connection each', cores: '0', reconnects: true, promised: 0.6 },
  { name: 'two cores, a connection each', cores: '0,1', reconnects: true, promised: 0.6 },
  // No device does this: what a renewal costs without the handshake.
  { name: 'one core, nine renewals a connection', cores: '0' },
]

const bench = benchHome('renewal')
const { home, env, directory, fpki } = bench
const newRequest = requestMaker('acme')
const certificate = serverCertificate(bench)

function start(cores, words, input) {
  return startNode(cores, words, { home, env, certificate, input })
}

function startFpki(cores) {
  const tls = ['--tls-cert', join(home, 'server.pem'), '--tls-key', join(home, 'server.key')]
  const profile = values.prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.prof}`]
  return start(cores, [...profile, FPKI, 'devices', 'serve', directory, '--est', '127.0.0.1:0', ...tls])
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
  return { ...all, rate: (all.times.length / (performance.now() - begin)) * 1000 }
}

async function compare({ name, cores, reconnects = false, promised }) {
  const served = await startFpki(cores)
  const run = (server, count, seconds, isCounted) =>
    reconnects
      ? load(server, requestsOf(count, isCounted), { connections: 16, seconds, reconnects })
      : lanes(server, count, seconds, isCounted)
  const first = await run(served, 64, 60, true)
  const sides = { bare: await start(cores, [BARE, home], bodyOf(first)), fpki: served }
  const seconds = SECONDS / ROUNDS
  let count = 500
  const once = async (server, side) => {
    const one = await run(server, count, seconds, side === 'fpki')
    count = Math.min(DEVICES, Math.max(count, Math.ceil(one.rate * seconds * 1.5)))
    return one
  }
  const all = await inRounds(name, sides, { rounds: ROUNDS, status: 200, once })
  for (const server of Object.values(sides)) await stop(server)
  printComparison(name, all, { base: 'bare', promised })
}

fpki('ca', 'create', directory)
let devices = []
console.log(`Node ${process.version}, ${ROUNDS} rounds of ${SECONDS / ROUNDS} s, load ${loadavg()[0].toFixed(1)}`)
for (const scene of SCENES.filter((one) => one.name.includes(values.only))) {
  devices = makeDevices(DEVICES)
  await compare(scene)
}
console.log(`load ${loadavg()[0].toFixed(1)}`)
process.exit()
