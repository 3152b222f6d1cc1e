// npm run bench: how long fpki takes beside `node -e 0` and beside the same work done with openssl, in one run.
// Then: how long commands take with a hundred device CAs beside one. Waits for the disk and the Factory API, counted:
// bench-costs.mjs. What durability costs: bench-durability.mjs.
// Every round runs each command once, so that a busy machine is busy for all of them; ratios of medians are printed.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
/** The budget of docs/dependencies.md, as ratios on Node 20; a miss is marked, and fails nothing. */
const PROMISED = {
  'fpki --version': 1.4,
  'fpki --help': 1.6,
  'a Tab behind fpki ca cr': 1.75,
  'fpki ca show --pretty': 2.1,
  'fpki ca create': 5,
}

function output([program, ...words], input = '') {
  const { status, stdout, stderr } = spawnSync(program, words, { env, input, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`)
  return stdout
}

function run(words) {
  const begin = performance.now()
  output(words)
  return performance.now() - begin
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/** The times of each command, a round after the other. */
function timed(commands) {
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, words] of Object.entries(commands)) times[name].push(run(words()))
  }
  return times
}

run(node(FPKI, 'ca', 'create', join(home, 'shown')))
const times = timed(COMMANDS)
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

/** What the issue promises of a hundred device CAs beside one. */
const PROMISED_OF_A_HUNDRED = 2

/** A factory with `count` device CAs, all of them the user's own and with files in the PKI directory. */
function factoryOf(count) {
  const [name, directory] = [`of${count}`, join(home, `of${count}`)]
  output(node(FPKI, 'ca', 'create', directory, '--no-online-ca'))
  const stateFile = join(home, '.local/share/fpki/factories', name, 'factory.json')
  const state = JSON.parse(readFileSync(stateFile, 'utf8'))
  const cas = [state.certificates.caCrt]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null']
  const subject = `/CN=fio-${state.userId}/OU=${name}`
  const files = ['-CA', join(directory, 'factory_ca.pem'), '-CAkey', join(directory, 'factory_ca.key')]
  while (cas.length < count) {
    const extensions = [
      '-addext',
      'basicConstraints=critical,CA:TRUE,pathlen:0',
      '-addext',
      'keyUsage=critical,keyCertSign',
    ]
    const csr = output(['openssl', 'req', '-new', ...key, '-subj', subject, ...extensions])
    cas.push(output(['openssl', 'x509', '-req', ...files, '-days', '3650', '-copy_extensions', 'copy'], csr))
    writeFileSync(join(directory, `site-${cas.length}.pem`), cas.at(-1))
  }
  state.certificates.caCrt = cas.join('\n')
  writeFileSync(stateFile, JSON.stringify(state))
  return { name, directory, stateFile }
}

/** Commands on a factory; what one of them adds another one revokes, so that the number stays. */
function commandsOn({ name, directory }) {
  const change = (word, ...more) => node(FPKI, 'ca', word, directory, ...more)
  return {
    'ca show --just-device-cas': () => node(FPKI, 'ca', 'show', '--just-device-cas', '--factory', name),
    'ca show --pretty': () => node(FPKI, 'ca', 'show', '--pretty', '--factory', name),
    'ca disable-device-ca': () => change('disable-device-ca', '--ca-file', 'local-ca', '--yes'),
    'ca enable-device-ca': () => change('enable-device-ca', '--ca-file', 'local-ca'),
    'ca add-device-ca': () => {
      for (const file of ['added.pem', 'added.key']) rmSync(join(directory, file), { force: true })
      return change('add-device-ca', '--local-ca', '--local-ca-filename', 'added')
    },
    'ca revoke-device-ca': () => change('revoke-device-ca', '--ca-file', 'added', '--yes'),
  }
}

const [one, hundred] = [1, 100].map((count) => commandsOn(factoryOf(count)))
const both = timed(
  Object.fromEntries(
    Object.keys(one).flatMap((name) => [
      [name, one[name]],
      [`${name} of 100`, hundred[name]],
    ]),
  ),
)
console.log(`\na hundred device CAs beside one (promised < ${PROMISED_OF_A_HUNDRED})`)
for (const name of Object.keys(one)) {
  const [ofOne, ofHundred] = [both[name], both[`${name} of 100`]].map(median)
  const ratio = ofHundred / ofOne
  const verdict = ratio < PROMISED_OF_A_HUNDRED ? '' : `  MISSED ${PROMISED_OF_A_HUNDRED}`
  console.log(
    `${name.padEnd(28)}${ofOne.toFixed(1).padStart(8)} ms ${ofHundred.toFixed(1).padStart(8)} ms  x ${ratio.toFixed(2)}${verdict}`,
  )
}
await import('./bench-costs.mjs').then(({ benchCosts }) => benchCosts(home))
await import('./bench-durability.mjs').then(({ benchDurability }) => benchDurability(home, ROUNDS))
await import('./bench-backup.mjs').then(({ benchBackup }) => benchBackup(home, Math.min(ROUNDS, 10)))
rmSync(home, { recursive: true })
