// A separate program (scripts/build.mjs): the worker thread that in-threads.ts starts.
import { on } from 'node:events'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { FpkiError } from '../../errors.js'
import { newEcPrivateKey } from '../../pki/ec-keys.js'
import { readCertificate } from '../../pki/read-certificate.js'
import {
  CERTIFICATES,
  CHECKED,
  DEVICES,
  FIELDS,
  KEYS,
  REQUESTS,
  SIGNED,
  type ThreadAnswer,
  type ThreadData,
  type ThreadTask,
} from './messages.js'
import { batchWork } from './work.js'

const { factory, ca, privateKey }: ThreadData = workerData
const work = batchWork(
  { factory, ca: readCertificate(ca, 'the device CA'), privateKey },
  { ecPrivateKey: newEcPrivateKey },
)

async function rowsFor(task: ThreadTask): Promise<ArrayBuffer> {
  switch (task.kind) {
    case 'check':
      return CHECKED.pack(work.check(REQUESTS.unpack(task.rows), task.policy))
    case 'makeKeys':
      return KEYS.pack(work.makeKeys(DEVICES.unpack(task.rows)))
    case 'certify':
      return CERTIFICATES.pack(await work.certify(FIELDS.unpack(task.rows), task.validity))
    case 'finish':
      return CERTIFICATES.pack(await work.finish(SIGNED.unpack(task.rows), task.validity))
  }
}

/** Other errors than FpkiError are bugs, which end the thread. */
async function answer(task: ThreadTask): Promise<ThreadAnswer> {
  try {
    return { rows: await rowsFor(task) }
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    const { code, message, hint } = error
    return { error: { code, message, hint } }
  }
}

/** Answers are in the order of the tasks. */
async function answerAll(port: MessagePort): Promise<void> {
  for await (const [task] of on(port, 'message')) {
    const answered = await answer(task)
    port.postMessage(answered, 'rows' in answered ? [answered.rows] : [])
  }
}

if (parentPort !== null) await answerAll(parentPort)
