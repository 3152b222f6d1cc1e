// npm run bench:ocsp [-- --seconds N] [--rounds N] [--devices N]: how many OCSP requests a second `fpki devices serve --ocsp`
// answers beside `openssl ocsp` as a server, on one core each (taskset), with the same client, certificates and kind of key.
// openssl closes each connection after its answer, so every request has a connection of its own; the last scene, without
// openssl, shows what connections that stay open are worth. All answer in turn, in rounds, so that a busy machine is busy for
// all. `node` is the floor: a server of node:http with one constant answer (ocsp/bare.mjs).
import { openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { load } from './registration/load.mjs'
import { benchHome, FPKI, inRounds, printComparison, startOn } from './registration/sides.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '5' },
    devices: { type: 'string', default: '1000' },
  },
})
const [ROUNDS, SECONDS, DEVICES] = [values.rounds, values.seconds, values.devices].map(Number)
const CORE = '0'
const CONNECTIONS = 16
const BARE = fileURLToPath(new URL('ocsp/bare.mjs', import.meta.url))

const { home, env, directory, run, fpki } = benchHome('ocsp')
const at = (name) => join(home, name)
const openssl = (...words) => run('openssl', ...words)

/** The certificates of all devices in `openssl ca`'s index, and a responder that local-ca delegates to. */
function prepareOpenssl() {
  const lines = readdirSync(at('devices'))
    .filter((name) => !name.startsWith('.'))
    .map((uuid) => {
      const [, serial] = /serial=(\w+)/.exec(
        openssl('x509', '-in', at(`devices/${uuid}/client.pem`), '-noout', '-serial'),
      )
      return `V\t451231235959Z\t\t${serial}\tunknown\t/CN=${uuid}`
    })
  writeFileSync(at('index.txt'), `${lines.join('\n')}\n`)
  writeFileSync(
    at('responder.cnf'),
    'keyUsage=critical,digitalSignature\nextendedKeyUsage=OCSPSigning\nnoCheck=ignored\n',
  )
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at('responder.key'))
  openssl('req', '-new', '-key', at('responder.key'), '-subj', '/CN=responder', '-out', at('responder.csr'))
  const ca = [
    '-CA',
    join(directory, 'local-ca.pem'),
    '-CAkey',
    join(directory, 'local-ca.key'),
    '-CAcreateserial',
    '-CAserial',
    at('serial'),
  ]
  const files = ['-in', at('responder.csr'), '-extfile', at('responder.cnf'), '-out', at('responder.pem')]
  openssl('x509', '-req', ...ca, ...files)
  return lines.map((line) => line.split('\t')[3])
}

/** The requests of a client, as HTTP: RFC 5019's, and with a nonce. */
function requestsFor(serials, { nonce, close }) {
  return serials.map((serial) => {
    const about = ['-issuer', join(directory, 'local-ca.pem'), '-serial', `0x${serial}`]
    openssl('ocsp', nonce ? '-nonce' : '-no_nonce', ...about, '-reqout', at('request.der'))
    const body = readFileSync(at('request.der'))
    const head = `POST / HTTP/1.1\r\nHost: ocsp\r\nContent-Type: application/ocsp-request\r\nContent-Length: ${body.length}\r\n`
    return Buffer.concat([Buffer.from(`${head}${close ? 'Connection: close\r\n' : ''}\r\n`), body])
  })
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts a server, and waits until its log says that it listens: a connection without a request blocks openssl. */
async function start(port, program, words) {
  const path = at(`log-${port}`)
  const log = openSync(path, 'a')
  const child = startOn(CORE, [program, ...words], { env, stdio: ['ignore', log, log] })
  while (!/waiting for OCSP client|Answering OCSP requests/.test(readFileSync(path, 'utf8'))) {
    if (child.exitCode !== null) throw new Error(`no server: ${readFileSync(path, 'utf8')}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { child, port, ca: null }
}

async function compare(name, sides, requests, { reconnects, promised }) {
  const batch = Array.from({ length: 200_000 }, (_, index) => requests[index % requests.length])
  const seconds = SECONDS / ROUNDS
  // The first round also signs the answers that are kept.
  const once = (server) => load(server, batch, { connections: CONNECTIONS, seconds, reconnects })
  printComparison(name, await inRounds(name, sides, { rounds: ROUNDS, status: 200, once }), {
    base: 'openssl',
    promised,
  })
}

fpki('ca', 'create', directory, '--quiet')
writeFileSync(at('uuids'), Array.from({ length: DEVICES }, () => `${crypto.randomUUID()}\n`).join(''))
fpki('devices', 'issue', directory, '--from', at('uuids'), '--make-keys', '--out', at('devices'), '--quiet')
const serials = prepareOpenssl()
const [port, other, floor] = [await freePort(), await freePort(), await freePort()]
const words = ['ocsp', '-index', at('index.txt'), '-port', String(other), '-CA', join(directory, 'local-ca.pem')]
const signer = ['-rsigner', at('responder.pem'), '-rkey', at('responder.key'), '-ndays', '1']
const sides = {
  openssl: await start(other, 'openssl', [...words, ...signer]),
  node: await start(floor, process.execPath, [BARE, String(floor)]),
  fpki: await start(port, process.execPath, [FPKI, 'devices', 'serve', directory, '--ocsp', `127.0.0.1:${port}`]),
}
const plain = requestsFor(serials, { nonce: false, close: true })
await compare('without a nonce, a connection each', sides, plain, { reconnects: true, promised: 1 })
const fresh = requestsFor(serials.slice(0, 200), { nonce: true, close: true })
await compare('with a nonce, a connection each', sides, fresh, { reconnects: true })
const kept = requestsFor(serials.slice(0, 200), { nonce: false, close: false })
await compare('without a nonce, connections that stay open', { fpki: sides.fpki }, kept, { reconnects: false })
for (const { child } of Object.values(sides)) child.kill()
