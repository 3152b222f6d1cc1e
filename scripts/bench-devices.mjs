// npm run bench:devices: device certificates from requests, beside the same work done by Node's cryptography alone (the
// floor) and by `openssl ca`; and with the CA's key in SoftHSM, beside the module's own C_Sign calls. All in one run and in
// turns, so that a busy machine is busy for everybody.
import { execFileSync, spawnSync } from 'node:child_process'
import { createPrivateKey, createPublicKey, randomBytes, randomUUID, sign, verify } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const ROUNDS = Number(process.argv[2] ?? 5)
const REQUESTS = Number(process.argv[3] ?? 4096)
/** Of one call; two calls are in flight. */
const BATCH = 256
const OPENSSL_REQUESTS = 200
const SESSIONS = 4
const MODULE = process.env.FPKI_HSM_MODULE ?? '/usr/lib/softhsm/libsofthsm2.so'
const PIN = '4711'
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PROGRAM = join(ROOT, 'dist/cli/device-batch/device-batch-thread.js')
const folder = mkdtempSync(join(tmpdir(), 'fpki-bench-devices-'))
process.env.SOFTHSM2_CONF = join(folder, 'softhsm2.conf')
process.env.HOME = folder
mkdirSync(join(folder, 'tokens'))
writeFileSync(process.env.SOFTHSM2_CONF, `directories.tokendir = ${folder}/tokens\nobjectstore.backend = file\n`)
process.on('exit', () => rmSync(folder, { recursive: true }))

// None of this is part of the library's face, so it is bundled for this run.
const bundled = join(ROOT, 'node_modules', '.bench-devices.mjs')
const modules = [
  ...['issuance/device-batch/in-threads', 'issuance/device-batch/device-subject', 'keystore/token-keys'],
  ...['pki/read-certificate', 'pki/der-write', 'pki/validity', 'signer/pkcs11/session', 'signer/pkcs11/cryptoki'],
  ...['signer/pkcs11/make-key', 'signer/x509/certificate', 'pki/profiles', 'pki/serial'],
  ...['operations/devices/issue/issue-devices', 'machine/index', 'machine/devices'],
  'storage/sync-file-system',
]
await build({
  stdin: { contents: modules.map((name) => `export * from './src/${name}.js'`).join('\n'), resolveDir: ROOT },
  ...{
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['pkcs11js', '@photostructure/sqlite'],
    outfile: bundled,
    logLevel: 'error',
  },
  ...{ mainFields: ['module', 'main'] },
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
})
const fpki = await import(pathToFileURL(bundled).href)
rmSync(bundled)

const { random } = fpki.thisMachine()

/** A request as lmp-device-register makes it. */
function newRequest() {
  const { pem: key, spki } = random.ecPrivateKey('P-256')
  const subject = fpki.deviceSubject('acme', { uuid: randomUUID(), isProduction: false })
  const info = fpki.sequence(Buffer.from('020100', 'hex'), subject, spki, ATTRIBUTES)
  const signature = sign('sha256', info, key)
  const der = fpki.sequence(
    info,
    fpki.sequence(fpki.objectIdentifier('1.2.840.10045.4.3.2')),
    fpki.bitString(signature),
  )
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)
  const pem = ['-----BEGIN CERTIFICATE REQUEST-----', ...lines, '-----END CERTIFICATE REQUEST-----', ''].join('\n')
  return { info, spki, signature, pem }
}

/** The extensionRequest of the vectors: critical digitalSignature and clientAuth. */
const ATTRIBUTES = Buffer.from(
  'a039303706092a864886f70d01090e312a3028300e0603551d0f0101ff04040302078030160603551d250101ff040c300a06082b06010505070302',
  'hex',
)

const created = spawnSync(process.execPath, [
  join(ROOT, 'bin/fpki.js'),
  'ca',
  'create',
  join(folder, 'acme'),
  '--quiet',
])
if (created.status !== 0) throw new Error(created.stderr.toString())
const read = (name) => readFileSync(join(folder, 'acme', name), 'utf8')
const ca = fpki.readPemCertificate(read('local-ca.pem'), 'local-ca.pem')
const privateKey = createPrivateKey(read('local-ca.key'))
const validity = fpki.validityFrom(new Date(), { days: 365 }, ca)
const requests = Array.from({ length: REQUESTS }, newRequest)
const pems = requests.map(({ pem }) => pem)

/** What no program can leave out: import the request's key, verify, sign, verify. */
function floor() {
  const publicKey = createPublicKey(privateKey)
  for (const { info, spki, signature } of requests) {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    if (!verify('sha256', info, key, signature)) throw new Error('a bad request')
    if (!verify('sha256', info, publicKey, sign('sha256', info, privateKey))) throw new Error('a bad signature')
  }
}

/** Checks and certifies all requests, with two batches in flight. */
async function issueAll(batches) {
  const lists = Array.from({ length: Math.ceil(pems.length / BATCH) }, (_, at) =>
    pems.slice(at * BATCH, (at + 1) * BATCH),
  )
  const next = lists.values()
  const lane = async () => {
    for (const list of next) {
      const checked = await batches.check(list, { allowsProduction: false })
      if (checked.some(({ kind }) => kind !== 'request')) throw new Error('a request was refused')
      await batches.certify(checked, validity)
    }
  }
  await Promise.all([lane(), lane()])
}

function batchesWith(threads, key = { kind: 'file', privateKey }, issuer = ca) {
  return fpki.batchesInThreads({ factory: 'acme', ca: issuer, key }, { threads, program: PROGRAM }, { random })
}

const CONFIG = `[ca]
default_ca = it
[it]
database = ${folder}/openssl/index.txt
new_certs_dir = ${folder}/openssl
certificate = ${folder}/acme/local-ca.pem
private_key = ${folder}/acme/local-ca.key
rand_serial = yes
default_days = 365
default_md = sha256
policy = any
x509_extensions = device
preserve = yes
unique_subject = no
[any]
commonName = supplied
organizationalUnitName = supplied
[device]
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`
const files = requests.slice(0, OPENSSL_REQUESTS).map(({ pem }, index) => {
  const path = join(folder, `${index}.csr`)
  writeFileSync(path, pem)
  return path
})
writeFileSync(join(folder, 'openssl.cnf'), CONFIG)

function opensslCa() {
  rmSync(join(folder, 'openssl'), { recursive: true, force: true })
  mkdirSync(join(folder, 'openssl'))
  writeFileSync(join(folder, 'openssl/index.txt'), '')
  const words = ['ca', '-batch', '-notext', '-config', join(folder, 'openssl.cnf'), '-infiles', ...files]
  execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] })
}

execFileSync('softhsm2-util', ['--init-token', '--free', '--label', 'plant', '--so-pin', '12345678', '--pin', PIN])
const choice = {
  ...{ module: MODULE, initArgs: '', key: { label: 'local-ca', id: null } },
  token: { label: 'plant', serial: null, model: null, manufacturer: null, slotId: null },
}
const ports = {
  ...{ note: () => undefined, warn: () => undefined },
  login: { keypad: false, allowFinalPinTry: false, pin: async () => PIN },
}
const made = await fpki.openToken(choice, ports.login, ports)
const { spki } = fpki.generateKey(made, { label: 'local-ca', id: '01' }, 'P-256')
made.close()
/** A CA with the token's key, under the same root. */
const tokenCa = await newTokenCa()
const sessions = await fpki.openTokenSessions(choice, spki, SESSIONS, ports)
const raw = await rawToken()

async function newTokenCa() {
  const root = fpki.readPemCertificate(read('factory_ca.pem'), 'factory_ca.pem')
  const key = createPrivateKey(read('factory_ca.key'))
  const signer = {
    ...{ spki: root.spki, algorithm: { curve: 'P-256', hash: 'sha256' } },
    sign: async (data) => new Uint8Array(sign('sha256', data, key)),
  }
  const template = {
    role: 'the CA in the token',
    profile: fpki.DEVICE_CA,
    subject: ca.subject,
    spki,
    issuer: root,
    names: [],
  }
  const rest = { serialNumber: fpki.newSerialNumber(random), validity: ca }
  return fpki.signCertificate({ ...template, ...rest }, signer)
}

/** The module alone, in one session of the same process: C_SignInit and C_Sign of a digest. */
async function rawToken() {
  const { default: library } = await import('pkcs11js')
  const cryptoki = new library.PKCS11()
  cryptoki.load(MODULE)
  const slot = cryptoki.C_GetSlotList(true)[0]
  const session = cryptoki.C_OpenSession(slot, fpki.CKF_SESSION.serial)
  cryptoki.C_FindObjectsInit(session, [{ type: fpki.CKA.class, value: fpki.CKO.privateKey }])
  const [key] = cryptoki.C_FindObjects(session, 1)
  cryptoki.C_FindObjectsFinal(session)
  const [digest, output] = [randomBytes(32), Buffer.alloc(64)]
  return () => {
    for (let count = 0; count < REQUESTS; count++) {
      cryptoki.C_SignInit(session, { mechanism: fpki.CKM.ecdsa }, key)
      cryptoki.C_Sign(session, digest, output)
    }
  }
}

const pools = {
  one: batchesWith(1),
  two: batchesWith(2),
  token: batchesWith(2, { kind: 'token', signers: sessions.signers }, tokenCa),
}

/** Signatures alone, in all sessions at once. */
async function signInSessions() {
  const left = Array.from({ length: REQUESTS }).keys()
  const message = Buffer.alloc(500, 'a certificate')
  const lane = async (signer) => {
    for (const _ of left) await signer.sign(message)
  }
  await Promise.all(sessions.signers.map(lane))
}

/** A whole batch in a PKI directory without a register: durable, with its output. The threads run already. */
async function issueWhole(pool, output, source, options) {
  const place = mkdtempSync(join(folder, 'batch-'))
  cpSync(join(folder, 'acme'), join(place, 'acme'), { recursive: true })
  const machine = fpki.thisMachine()
  const signal = new AbortController().signal
  const ports = {
    ...machine,
    ...fpki.deviceMachine(machine, { program: PROGRAM, signal }),
    ...{ newBatches: () => ({ ...pool, close: async () => undefined }), signal, stdin: [], isStdinTerminal: false },
    progress: { step: () => undefined, note: () => undefined, warn: () => undefined },
  }
  const target = { kind: output.kind, path: join(place, output.name) }
  const batch = fpki.issueDevices(
    {
      ...{ directory: join(place, 'acme'), factory: null, line: 'default', ca: null, store: null },
      ...{ input: { path: source, format: 'auto' }, output: { target, format: output.format }, refusedFile: null },
      ...{ makeKeys: false, days: null, production: false, group: null, gateway: null, ostree: null },
      ...{ dryRun: false, maxRefused: null, hsmSessions: SESSIONS, ...options },
    },
    ports,
  )
  let issued = 0
  for await (const { kind } of batch) if (kind === 'issued') issued++
  if (issued !== REQUESTS) throw new Error(`only ${issued} of ${REQUESTS} were issued`)
}
/** What the file system takes for as many folders of as many files, with one sync for each chunk of them and nothing else. */
async function filesAlone() {
  const place = mkdtempSync(join(folder, 'files-'))
  const all = await fpki.openFileSystemSync(place)
  const content = Buffer.alloc(700, 'x')
  for (let device = 0; device < REQUESTS; device++) {
    const path = join(place, String(device))
    mkdirSync(path)
    for (const name of ['client.pem', 'client.chained', 'root.crt', 'sota.toml', 'pkey.pem']) {
      writeFileSync(join(path, name), content)
    }
    if (device % BATCH === BATCH - 1) await all?.sync()
  }
  await all?.close()
}
const JSONL = { kind: 'file', name: 'devices.jsonl', format: 'jsonl' }
const SOTA = { kind: 'folder', name: 'devices', format: 'sota' }
const PEM_FILE = join(folder, 'requests.pem')
const UUID_FILE = join(folder, 'uuids.txt')
writeFileSync(PEM_FILE, pems.join(''))
writeFileSync(UUID_FILE, pems.map(() => `${randomUUID()}\n`).join(''))

const TOKEN = `token, ${SESSIONS} sessions, two workers`

/** What is measured, and how many requests each does. */
const WORK = {
  floor: [floor, REQUESTS],
  'one worker': [() => issueAll(pools.one), REQUESTS],
  'two workers': [() => issueAll(pools.two), REQUESTS],
  'openssl ca': [opensslCa, OPENSSL_REQUESTS],
  C_Sign: [raw, REQUESTS],
  [`${SESSIONS} sessions`]: [signInSessions, REQUESTS],
  [TOKEN]: [() => issueAll(pools.token), REQUESTS],
  'batch, one worker': [() => issueWhole(pools.one, JSONL, PEM_FILE), REQUESTS],
  'batch, two workers': [() => issueWhole(pools.two, JSONL, PEM_FILE), REQUESTS],
  'batch, folders': [() => issueWhole(pools.two, SOTA, PEM_FILE), REQUESTS],
  'files alone': [filesAlone, REQUESTS],
  'batch, keys made, folders': [() => issueWhole(pools.two, SOTA, UUID_FILE, { makeKeys: true }), REQUESTS],
}

const rates = Object.fromEntries(Object.keys(WORK).map((name) => [name, []]))
/** The time of all cores, in microseconds for each request: it depends less on what else the machine does. */
const costs = Object.fromEntries(Object.keys(WORK).map((name) => [name, []]))
// The first round only warms up.
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, [work, count]] of Object.entries(WORK)) {
    const [begin, usage] = [performance.now(), process.cpuUsage()]
    await work()
    const [milliseconds, { user, system }] = [performance.now() - begin, process.cpuUsage(usage)]
    if (round === 0) continue
    rates[name].push((count * 1000) / milliseconds)
    costs[name].push((user + system) / count)
  }
}
for (const pool of Object.values(pools)) await pool.close()
await sessions.close()

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
/** The ratio is the median of the ratios within each round. */
function report(name, base, promised) {
  const ratio = median(rates[name].map((rate, round) => rate / rates[base][round]))
  const verdict = promised === undefined ? '' : ratio >= promised ? ` (promised >= ${promised})` : ` MISSED ${promised}`
  const rate = median(rates[name]).toFixed(0).padStart(6)
  // The cost of a child process is not in this one's.
  const cost = name === 'openssl ca' ? '     -' : median(costs[name]).toFixed(0).padStart(6)
  console.log(`${name.padEnd(34)}${rate}/s ${cost} us  x ${ratio.toFixed(2)} of ${base}${verdict}`)
}

console.log(
  `Node ${process.version}, ${ROUNDS} rounds of ${REQUESTS} requests; batch: with register and output, durable`,
)
report('floor', 'floor')
report('one worker', 'floor', 0.85)
report('two workers', 'one worker')
report('batch, one worker', 'floor', 0.75)
report('batch, two workers', 'batch, one worker', 1.35)
report('batch, folders', 'floor')
// Five files for each device are more than some disks take at half of the floor: then the files alone, synced once for each
// chunk, are the measure.
report('files alone', 'floor')
report('batch, keys made, folders', 'floor', 0.5)
report('batch, keys made, folders', 'files alone')
report('openssl ca', 'floor')
report('C_Sign', 'floor')
report(`${SESSIONS} sessions`, 'C_Sign')
report(TOKEN, 'C_Sign')
// SoftHSM signs several times as fast as anybody verifies, so requests with a key in a file are the measure here.
report(TOKEN, 'two workers', 0.8)
