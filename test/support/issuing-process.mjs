// Issues the same devices in every process, in commits of some, and prints a line of JSON for each commit, then for the end.
// Arguments: path of the register, how many commits, how many devices each.
import { createHash } from 'node:crypto'
import { openDeviceRegister, thisMachine } from '../../dist/index.js'

const [path, commits, size] = process.argv.slice(2)
const digest = (text) => createHash('sha256').update(text).digest()
const at = Date.UTC(2026, 10, 26)

function certificate(index) {
  const hex = digest(`uuid ${index}`).toString('hex')
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
  // Each process signs for itself.
  const serial = digest(`serial ${process.pid} ${index}`).toString('hex').slice(0, 40)
  const facts = { name: uuid, group: null, hardwareId: null, serialNumber: null, isProduction: false }
  return {
    uuid,
    ...facts,
    keyHash: digest(`key ${index}`),
    serial,
    der: Buffer.alloc(300, index),
    notAfter: at + 1,
    proof: null,
  }
}

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`)
try {
  const register = await openDeviceRegister({ path, create: true }, thisMachine())
  for (let chunk = 0; chunk < Number(commits); chunk++) {
    const certificates = Array.from({ length: Number(size) }, (_, index) => certificate(chunk * Number(size) + index))
    const outcomes = await register.commit({ line: 'default', ca: 'ab'.repeat(32), at, announce: false, certificates })
    say(outcomes.map(({ kind }) => kind))
  }
  await register.close()
  say('done')
} catch (error) {
  say({ code: error.code, message: error.message, hint: error.hint })
}
