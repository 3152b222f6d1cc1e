// A separate program (scripts/build.mjs): the worker thread that in-thread.ts starts.
import { randomBytes } from 'node:crypto'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { openDeviceRegister, type SqliteOptions } from '../../../devices/open.js'
import { FpkiError } from '../../../errors.js'
import { newEcPrivateKey } from '../../../pki/ec-keys.js'
import type { Random } from '../../../ports.js'
import { durableFiles } from '../../../storage/files.js'
import { nodeFileSystem } from '../../../storage/node-file-system.js'
import { type Answer, type Call, type Calls, callsOf, OPENED } from './calls.js'
import { issuingBeside } from './issuing-beside.js'

const options: SqliteOptions = workerData
// A thread has a composition root of its own: ports cannot be posted to it.
const random: Random = {
  bytes: (size) => new Uint8Array(randomBytes(size)),
  ecPrivateKey: newEcPrivateKey,
}
const ports = { files: durableFiles(nodeFileSystem()), random, clock: () => new Date() }

async function answer(id: number, work: () => Promise<unknown>): Promise<Answer> {
  try {
    return { id, result: await work() }
  } catch (error) {
    if (!(error instanceof FpkiError)) return { id, bug: error }
    const { code, message, hint, option } = error
    return { id, error: { code, message, hint, option } }
  }
}

function called<Name extends keyof Calls>(calls: Bound, call: Call<Name>): Promise<unknown> {
  const work: Bound[Name] = calls[call.name]
  return work(...call.arguments)
}

/** The calls, whatever they resolve to. */
type Bound = { readonly [Name in keyof Calls]: (...words: Parameters<Calls[Name]>) => Promise<unknown> }

async function answerTo(call: Call, calls: Bound, port: MessagePort): Promise<void> {
  port.postMessage(await answer(call.id, () => called(calls, call)))
}

/** Calls do not wait for each other: what must be done in turn, the register does in turn. */
async function serve(port: MessagePort): Promise<void> {
  const opened = await answer(OPENED, async () => {
    const register = await openDeviceRegister(options, ports)
    const calls = callsOf(register, issuingBeside(register, ports))
    port.on('message', (call: Call) => void answerTo(call, calls, port))
  })
  port.postMessage(opened)
}

if (parentPort !== null) await serve(parentPort)
