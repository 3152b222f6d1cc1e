// Preloaded into fpki (NODE_OPTIONS=--import): writes the UUID of every device certificate that is signed with a key on disk
// to the file FPKI_TEST_SIGNED, before it is signed, in whichever thread. At signature number FPKI_TEST_KILL_AT, the process
// is killed (SIGKILL), FPKI_TEST_KILL_DELAY milliseconds later, whatever it does by then; at once when that is negative.
import crypto from 'node:crypto'
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { fileURLToPath } from 'node:url'
import threads from 'node:worker_threads'

const { FPKI_TEST_SIGNED: file, FPKI_TEST_KILL_AT: killAt, FPKI_TEST_KILL_DELAY: delay } = process.env
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/
const LINE = 37

const { sign } = crypto
crypto.sign = (hash, data, ...rest) => {
  const [uuid] = UUID.exec(Buffer.from(data).toString('latin1')) ?? []
  if (uuid !== undefined) note(uuid)
  return sign(hash, data, ...rest)
}

function note(uuid) {
  const log = openSync(file, 'a')
  writeSync(log, `${uuid}\n`)
  const count = fstatSync(log).size / LINE
  closeSync(log)
  // Another thread may have written in between, so that no count is sure to be seen.
  if (Number(killAt) === 0 || count < Number(killAt)) return
  const kill = () => process.kill(process.pid, 'SIGKILL')
  if (Number(delay) < 0) kill()
  else setTimeout(kill, Number(delay))
}

// Threads of fpki get no options and no environment.
const { Worker } = threads
threads.Worker = class extends Worker {
  constructor(program, options) {
    const env = { ...process.env }
    super(program, { ...options, env, execArgv: ['--import', fileURLToPath(import.meta.url)] })
  }
}
syncBuiltinESMExports()
