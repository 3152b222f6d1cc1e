// npm run bench: how long fpki takes beside `node -e 0` and beside the same work done with openssl, in one run.
// Every round runs each command once, so that a busy machine is busy for all of them; ratios of medians are printed.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROUNDS = Number(process.argv[2] ?? 40)
const FPKI = fileURLToPath(new URL('../bin/fpki.js', import.meta.url))
const OPENSSL = fileURLToPath(new URL('./bench-openssl.sh', import.meta.url))
const home = mkdtempSync(join(tmpdir(), 'fpki-bench-'))
const env = { ...process.env, HOME: home }
let made = 0

const node = (...words) => [process.execPath, ...words]
const COMMANDS = {
  'node -e 0': () => node('-e', '0'),
  'fpki --version': () => node(FPKI, '--version'),
  'fpki --help': () => node(FPKI, '--help'),
  'a Tab behind fpki ca cr': () => node(FPKI, '__complete', 'bash', 'fpki ca cr'),
  'fpki ca show --pretty': () => node(FPKI, 'ca', 'show', '--pretty', '--factory', 'shown'),
  'fpki ca create': () => node(FPKI, 'ca', 'create', join(home, `pki${++made}`)),
  'the same with openssl': () => ['sh', OPENSSL, join(home, `openssl${++made}`)],
}
/** What issue and README promise; a miss is marked, and fails nothing. */
const PROMISED = {
  'fpki --version': 1.25,
  'fpki --help': 1.25,
  'a Tab behind fpki ca cr': 1.5,
  'fpki ca show --pretty': 1.5,
  'fpki ca create': 2.5,
}

function run([program, ...words]) {
  const begin = performance.now()
  const { status, stderr } = spawnSync(program, words, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`)
  return performance.now() - begin
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

run(node(FPKI, 'ca', 'create', join(home, 'shown')))
const times = Object.fromEntries(Object.keys(COMMANDS).map((name) => [name, []]))
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, words] of Object.entries(COMMANDS)) times[name].push(run(words()))
}
const base = median(times['node -e 0'])
console.log(`${ROUNDS} rounds, node ${process.version}; ratios to \`node -e 0\` (median ${base.toFixed(1)} ms)`)
for (const [name, values] of Object.entries(times)) {
  const ratio = median(values) / base
  const promised = PROMISED[name]
  const verdict =
    promised === undefined ? '' : ratio <= promised ? `  (promised <= ${promised})` : `  MISSED ${promised}`
  console.log(`${name.padEnd(24)}${median(values).toFixed(1).padStart(8)} ms  x ${ratio.toFixed(2)}${verdict}`)
}
const openssl = median(times['fpki ca create']) / median(times['the same with openssl'])
console.log(`fpki ca create takes ${openssl.toFixed(2)} x the time of the openssl commands, which sync nothing`)
rmSync(home, { recursive: true })
