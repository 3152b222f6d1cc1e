// npm run bench:serve: how many requests a second `fpki api serve` answers beside a bare fastify route with the same body,
// both over HTTPS with the same certificate, to the same 64 connections, in turn; then 10,000 requests of which each
// hundredth is malformed, and what they do to the server's memory and state.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { fastify } from 'fastify'

const CONNECTIONS = 64
const ROUNDS = Number(process.argv[2] ?? 5)
const SECONDS = 2
const PROMISED = 0.7
const FPKI = fileURLToPath(new URL('../bin/fpki.js', import.meta.url))
const PATH = '/ota/factories/acme/certs/'

if (process.argv[2] === 'bare') await serveBare(process.argv[3])
else await bench()

/** The other side: one route, one string. */
async function serveBare(folder) {
  const https = { key: readFileSync(join(folder, 'server.key')), cert: readFileSync(join(folder, 'server.pem')) }
  const app = fastify({ https })
  const body = readFileSync(0, 'utf8')
  app.get(PATH, async (_, reply) => reply.header('Content-Type', 'application/json; charset=utf-8').send(body))
  await app.listen({ host: '127.0.0.1', port: 0 })
  process.stderr.write(`at https://127.0.0.1:${app.server.address().port}\n`)
}

async function bench() {
  const home = mkdtempSync(join(tmpdir(), 'fpki-bench-serve-'))
  const env = { ...process.env, HOME: home }
  const fpki = (...words) => spawnSync(process.execPath, [FPKI, ...words], { env, encoding: 'utf8' })
  fpki('ca', 'create', join(home, 'acme'))
  const token = fpki('api', 'token', 'create', '--factory', 'acme').stdout.trim()
  const api = join(home, '.local/share/fpki/api')
  const state = () => readFileSync(join(home, '.local/share/fpki/factories/acme/factory.json'), 'utf8')
  const log = join(home, 'log')
  const served = await start([FPKI, 'api', 'serve', '--listen', '127.0.0.1:0'], env, '', log)
  const server = { ...served, ca: readFileSync(join(api, 'ca.pem')), token }
  const body = (await load(server, { requests: 1 })).last
  const bare = { ...server, ...(await start([fileURLToPath(import.meta.url), 'bare', api], env, body)) }
  const results = { bare: [], 'fpki api serve': [] }
  for (const one of [bare, server]) await load(one, { seconds: 1 })
  for (let round = 0; round < ROUNDS; round++) {
    results.bare.push(await load(bare, { seconds: SECONDS }))
    results['fpki api serve'].push(await load(server, { seconds: SECONDS }))
  }
  const rates = Object.fromEntries(Object.entries(results).map(([name, all]) => [name, report(name, all)]))
  const ratio = rates['fpki api serve'] / rates.bare
  console.log(`ratio ${ratio.toFixed(2)}  ${ratio >= PROMISED ? `(promised >= ${PROMISED})` : `MISSED ${PROMISED}`}`)

  const before = state()
  for (let round = 0; round < 4; round++) {
    const { statuses } = await load(server, { requests: 10_000, malformedEach: 100 })
    console.log(`10,000 requests, 1 % malformed: ${JSON.stringify(statuses)}  RSS ${rss(served.child.pid)} MB`)
  }
  console.log(state() === before ? 'the state is what it was' : 'THE STATE HAS CHANGED')
  for (const { child } of [served, bare]) child.kill()
  rmSync(home, { recursive: true })
}

/** Starts a server and waits for its address on stderr. Its log goes to a file, as it would under systemd. */
async function start(words, env, stdin, log = null) {
  const stdout = log === null ? 'ignore' : openSync(log, 'w')
  const child = spawn(process.execPath, words, { env, stdio: ['pipe', stdout, 'pipe'] })
  process.on('exit', () => child.kill())
  child.stdin.end(stdin)
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (more) => {
    text += more
  })
  for (let waited = 0; waited < 10_000; waited += 20) {
    const [, port] = /\bat https:\/\/127\.0\.0\.1:(\d+)/.exec(text) ?? []
    if (port !== undefined) return { child, port: Number(port) }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`no server: ${text}`)
}

/** Requests one after the other on each of the connections, until the time is up or all are answered. */
async function load({ port, ca, token }, { seconds = 60, requests = Number.POSITIVE_INFINITY, malformedEach = 0 }) {
  const good = `GET ${PATH} HTTP/1.1\r\nHost: localhost\r\nOSF-TOKEN: ${token}\r\n\r\n`
  const bad = `PATCH ${PATH} HTTP/1.1\r\nHost: localhost\r\nOSF-TOKEN: ${token}\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{"a":`
  const seen = { times: [], statuses: {}, last: '', asked: 0 }
  const begin = performance.now()
  const end = begin + seconds * 1000
  const one = () =>
    new Promise((resolve, reject) => {
      let text = ''
      let sent = 0
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca })
      const ask = () => {
        if (seen.asked >= requests || performance.now() > end) return void socket.destroy()
        seen.asked += 1
        sent = performance.now()
        socket.write(malformedEach > 0 && seen.asked % malformedEach === 0 ? bad : good)
      }
      socket.setEncoding('latin1')
      // A request that was not understood ends the connection.
      const next = () => {
        if (seen.asked < requests && performance.now() < end) one().then(resolve, reject)
        else resolve()
      }
      socket.on('secureConnect', ask).on('close', next).on('error', reject)
      socket.on('data', (more) => {
        text += more
        const head = text.indexOf('\r\n\r\n')
        if (head === -1) return
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1])
        if (text.length < head + 4 + length) return
        seen.times.push(performance.now() - sent)
        const status = text.slice(9, 12)
        seen.statuses[status] = (seen.statuses[status] ?? 0) + 1
        seen.last = text.slice(head + 4)
        text = ''
        ask()
      })
    })
  await Promise.all(Array.from({ length: Math.min(CONNECTIONS, requests) }, one))
  return { ...seen, seconds: (performance.now() - begin) / 1000 }
}

function report(name, all) {
  const rate = median(all.map(({ times, seconds }) => times.length / seconds))
  const p99 = median(all.map(({ times }) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)]))
  console.log(`${name.padEnd(16)}${rate.toFixed(0).padStart(8)} requests/s  p99 ${p99.toFixed(1)} ms`)
  return rate
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

function rss(pid) {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
}
