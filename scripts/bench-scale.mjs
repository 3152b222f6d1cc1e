// npm run bench:scale [COUNT]: one batch of a million devices, from requests to JSON lines, with everything durable. Prints
// the rate of each tenth, the memory, the size of the register, and how long the commands that look at it and its backup take.
import { spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SELF = fileURLToPath(import.meta.url)
const PROGRAM = fileURLToPath(new URL('../bin/fpki.js', import.meta.url))
const [mode = '1000000', ...rest] = process.argv.slice(2)

async function measure(count) {
  const folder = mkdtempSync(join(tmpdir(), 'fpki-bench-scale-'))
  process.on('exit', () => rmSync(folder, { recursive: true }))
  process.env.HOME = folder
  const directory = join(folder, 'acme')
  run(PROGRAM, 'ca', 'create', directory, '--quiet')
  const parts = [0, 1].map((part) => join(folder, `requests-${part}.pem`))
  await Promise.all(parts.map((part) => ended(spawn(process.execPath, [SELF, 'requests', part, String(count / 2)]))))
  run('-e', `require('fs').appendFileSync('${parts[0]}', require('fs').readFileSync('${parts[1]}'))`)
  run(SELF, 'issue', directory, parts[0], join(folder, 'devices.jsonl'), String(count))
  const { size } = statSync(join(directory, 'devices.sqlite'))
  console.log(`register: ${(size / 2 ** 20).toFixed(0)} MiB, ${(size / count).toFixed(0)} octets a device`)
  const [some] = readFileSync(parts[1], 'latin1').slice(0, 1000).split('-----END')
  const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(
    Buffer.from(some.split('-----')[2], 'base64').toString('latin1'),
  )
  const since = new Date(Date.now() - 1000).toISOString()
  for (const [group, command, ...more] of [
    ['devices', 'count'],
    ['devices', 'show', uuid?.[0] ?? ''],
    ['devices', 'list', '--since', since],
    ['ca', 'report'],
  ]) {
    const times = Array.from({ length: 5 }, () => {
      const begin = performance.now()
      run(PROGRAM, group, command, directory, ...more)
      return performance.now() - begin
    })
    console.log(`${group} ${command}: ${times.toSorted((a, b) => a - b)[2].toFixed(0)} ms`)
  }
  benchBackup(directory, folder)
}

function benchBackup(directory, folder) {
  process.env.FPKI_PASSPHRASE = 'nine lives of a fish'
  const file = join(folder, 'acme.backup')
  for (const words of [
    ['backup', directory, '--out', file],
    ['backup', '--check', file],
    ['restore', file, join(folder, 'restored')],
  ]) {
    const begin = performance.now()
    const { status, stderr } = spawnSync(process.execPath, ['-e', PEAK, PROGRAM, 'ca', ...words], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`ca ${words.join(' ')}: ${status}\n${stderr}`)
    const seconds = (performance.now() - begin) / 1000
    const [, kibibytes] = /^peak (\d+)$/m.exec(stderr) ?? []
    const name = words.filter((word) => !word.startsWith('/')).join(' ')
    console.log(`ca ${name}: ${seconds.toFixed(1)} s, at most ${Math.round(Number(kibibytes) / 1024)} MiB of memory`)
  }
}

/** Runs the program in its arguments, and prints the most memory that it had, in KiB. */
const PEAK =
  "process.on('exit', () => console.error('peak ' + process.resourceUsage().maxRSS)); require(process.argv[1])"

function run(...words) {
  const { status, stderr } = spawnSync(process.execPath, words, {
    stdio: ['ignore', words[0] === SELF ? 'inherit' : 'ignore', 'pipe'],
    maxBuffer: 2 ** 30,
  })
  if (status !== 0) throw new Error(`${words.join(' ')}: ${status}\n${stderr}`)
}

function ended(child) {
  return new Promise((resolve, reject) => {
    child.on('exit', (status) => (status === 0 ? resolve() : reject(new Error(`exit ${status}`))))
  })
}

/** Requests as lmp-device-register makes them, each with a key of its own. */
async function writeRequests(path, count) {
  const file = createWriteStream(path)
  let text = ''
  for (let left = Number(count); left > 0; left--) {
    text += request()
    if (text.length < 2 ** 20 && left > 1) continue
    if (!file.write(text)) await new Promise((resolve) => file.once('drain', resolve))
    text = ''
  }
  await new Promise((resolve) => file.end(resolve))
}

function request() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = [named('550403', randomUUID()), named('55040b', 'acme')]
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  const info = tlv(0x30, Buffer.from('020100', 'hex'), tlv(0x30, ...name), spki, EXTENSIONS)
  const signature = tlv(0x03, Buffer.from([0]), sign('sha256', info, privateKey))
  const der = tlv(0x30, info, tlv(0x30, Buffer.from('06082a8648ce3d040302', 'hex')), signature)
  const lines = der.toString('base64').match(/.{1,64}/g)
  return ['-----BEGIN CERTIFICATE REQUEST-----', ...lines, '-----END CERTIFICATE REQUEST-----', ''].join('\n')
}

function named(oid, value) {
  return tlv(0x31, tlv(0x30, tlv(0x06, Buffer.from(oid, 'hex')), tlv(0x0c, Buffer.from(value))))
}

function tlv(tag, ...contents) {
  const content = Buffer.concat(contents)
  const { length } = content
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

/** Critical digitalSignature and clientAuth. */
const EXTENSIONS = Buffer.from(
  'a039303706092a864886f70d01090e312a3028300e0603551d0f0101ff04040302078030160603551d250101ff040c300a06082b06010505070302',
  'hex',
)

async function issue(directory, source, out, count) {
  const fpki = await import('../dist/index.js')
  const machine = fpki.thisMachine()
  const { signal } = new AbortController()
  const ports = {
    ...machine,
    ...fpki.deviceMachine(machine, { program: fpki.deviceThreadProgram, signal }),
    ...{ signal, stdin: [], isStdinTerminal: false, stdout: { write: async () => undefined } },
    progress: { step: () => undefined, note: () => undefined, warn: () => undefined },
  }
  const batch = fpki.issueDevices(
    {
      ...{ directory, factory: null, line: 'default', ca: null, store: null, hsmSessions: 1, refusedFile: null },
      ...{
        input: { path: source, format: 'auto' },
        output: fpki.planOutput(out, 'jsonl'),
        makeKeys: false,
        days: null,
      },
      ...{ production: false, group: null, gateway: null, ostree: null, dryRun: false, maxRefused: null },
    },
    ports,
  )
  const tenth = Number(count) / 10
  const rates = []
  let [issued, begin] = [0, performance.now()]
  for await (const { kind } of batch) {
    if (kind !== 'issued') throw new Error(`a device was ${kind}`)
    if (++issued % tenth !== 0) continue
    const now = performance.now()
    rates.push((tenth * 1000) / (now - begin))
    console.log(`${issued} devices: ${rates.at(-1).toFixed(0)}/s, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`)
    begin = now
  }
  const [, most] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))
  const ratio = rates.at(-1) / rates[0]
  console.log(
    `last tenth: x ${ratio.toFixed(2)} of the first (promised >= 0.9); at most ${(most / 1000).toFixed(0)} MB (promised <= 300)`,
  )
}

if (mode === 'requests') await writeRequests(...rest)
else if (mode === 'issue') await issue(...rest)
else await measure(Number(mode))
