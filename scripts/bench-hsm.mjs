// npm run bench:hsm: `ca create` with the root key in SoftHSM beside one on disk, and fpki's signer beside the module's
// own C_Sign calls, in one run and in turns, so that a busy machine is busy for both.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const ROUNDS = Number(process.argv[2] ?? 20)
/** In each turn; both together sign many thousands in the one session. */
const SIGNATURES = 200
const MODULE = process.env.FPKI_HSM_MODULE ?? '/usr/lib/softhsm/libsofthsm2.so'
const PIN = '4711'
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'fpki-bench-hsm-'))
process.env.SOFTHSM2_CONF = join(folder, 'softhsm2.conf')
process.env.HOME = folder
mkdirSync(join(folder, 'tokens'))
writeFileSync(process.env.SOFTHSM2_CONF, `directories.tokendir = ${folder}/tokens\nobjectstore.backend = file\n`)

const newToken = (label) =>
  execFileSync('softhsm2-util', ['--init-token', '--free', '--label', label, '--so-pin', '12345678', '--pin', PIN])
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

function create(name, flags) {
  const begin = performance.now()
  const words = [join(ROOT, 'bin/fpki.js'), 'ca', 'create', join(folder, name), '--quiet', ...flags]
  const env = { ...process.env, FPKI_HSM_PIN: PIN }
  const { status, stderr } = spawnSync(process.execPath, words, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return performance.now() - begin
}

const onDisk = []
const onToken = []
for (let round = 0; round < ROUNDS; round++) {
  newToken(`bench-${round}`)
  onDisk.push(create(`disk-${round}`, []))
  onToken.push(create(`token-${round}`, ['--hsm-module', MODULE, '--hsm-token-label', `bench-${round}`]))
}
const [disk, token] = [median(onDisk), median(onToken)]
console.log(`ca create, ${ROUNDS} rounds: on disk ${disk.toFixed(0)} ms, on the token ${token.toFixed(0)} ms`)

// The signer is no part of the library's face, so it is bundled for this run.
const bundled = join(ROOT, 'node_modules', '.bench-hsm.mjs')
const contents = ['session', 'cryptoki', 'make-key', 'signer'].map(
  (name) => `export * from './src/signer/pkcs11/${name}.js'`,
)
await build({
  stdin: { contents: contents.join('\n'), resolveDir: ROOT },
  ...{ bundle: true, format: 'esm', platform: 'node', external: ['pkcs11js'], outfile: bundled, logLevel: 'error' },
})
const { CKM, openToken, generateKey, tokenSigner } = await import(pathToFileURL(bundled).href)
rmSync(bundled)

newToken('rate')
const choice = {
  ...{ module: MODULE, initArgs: '', keypad: false, allowFinalPinTry: false, pin: async () => PIN },
  token: { label: 'rate', serial: null, model: null, manufacturer: null, slotId: null },
}
const open = await openToken(choice, { note: () => undefined, warn: () => undefined })
const key = generateKey(open, { label: 'root-ca', id: '01' }, 'P-256')
const signer = tokenSigner(open, key, null)
const message = Buffer.alloc(500, 'a certificate')

/** The module alone: what C_SignInit and C_Sign of a digest take. */
async function direct() {
  const digest = createHash('sha256').update(message).digest()
  const output = Buffer.alloc(64)
  for (let count = 0; count < SIGNATURES; count++) {
    open.cryptoki.C_SignInit(open.session, { mechanism: CKM.ecdsa }, key.handle)
    open.cryptoki.C_Sign(open.session, digest, output)
  }
}

async function withSigner() {
  for (let count = 0; count < SIGNATURES; count++) await signer.sign(message)
}

async function rateOf(work) {
  const begin = performance.now()
  await work()
  return (SIGNATURES * 1000) / (performance.now() - begin)
}

const rates = { direct: [], signer: [] }
for (let turn = 0; turn < 60; turn++) {
  rates.direct.push(await rateOf(direct))
  rates.signer.push(await rateOf(withSigner))
}
open.close()
rmSync(folder, { recursive: true })
const [module_, ours] = [median(rates.direct), median(rates.signer)]
const ratio = ours / module_
console.log(
  `60 turns of ${SIGNATURES} signatures in one session: C_Sign ${module_.toFixed(0)}/s, fpki's signer ${ours.toFixed(0)}/s, ` +
    `x ${ratio.toFixed(2)} ${ratio >= 0.8 ? '(promised >= 0.8)' : 'MISSED 0.8'}`,
)
