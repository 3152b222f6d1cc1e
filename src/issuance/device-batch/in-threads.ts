import { type BatchPorts, issued, withSerialNumbers } from './in-this-thread.js'
import { CERTIFICATES, CHECKED, DEVICES, FIELDS, KEYS, REQUESTS, SIGNED, type ThreadTask } from './messages.js'
import type { BatchIssuer, DeviceBatches } from './model.js'
import { type Threads, threadPool } from './thread-pool.js'
import { tokenSigning } from './token-lanes.js'
import { batchWork } from './work.js'

/** Enough to make the cost of a message small, few enough for all threads to end together. */
const SLICE = 32

/**
 * Batches of device certificates that are made in worker threads. A key in a token signs from this thread, in all sessions at
 * once, while the worker threads parse and verify.
 *
 * Besides the errors of the port, its methods reject with ERR_THREAD when a thread died, and with the reason of the signal.
 */
export function batchesInThreads(
  { factory, ca, key }: BatchIssuer,
  threads: Threads,
  { random, signal }: BatchPorts,
): DeviceBatches {
  const privateKey = key.kind === 'file' ? key.privateKey : null
  const pool = threadPool(threads, { factory, ca: new Uint8Array(ca.der), privateKey }, signal)
  const work = batchWork({ factory, ca, privateKey: null }, random)
  const token = key.kind === 'token' ? tokenSigning(work, ca, key.signers, signal) : null

  const inSlices = async <In, Out>(values: readonly In[], work: (slice: readonly In[]) => Promise<readonly Out[]>) => {
    const size = Math.max(1, Math.min(SLICE, Math.ceil(values.length / threads.threads)))
    const slices = Array.from({ length: Math.ceil(values.length / size) }, (_, at) =>
      values.slice(at * size, (at + 1) * size),
    )
    return (await Promise.all(slices.map(work))).flat()
  }
  const run = async <Out>(task: ThreadTask, answer: { unpack(rows: ArrayBuffer): readonly Out[] }) =>
    answer.unpack(await pool.run(task))

  return {
    check: (requests, policy) =>
      inSlices(requests, (slice) => run({ kind: 'check', rows: REQUESTS.pack(slice), policy }, CHECKED)),
    makeKeys: (devices) => inSlices(devices, (slice) => run({ kind: 'makeKeys', rows: DEVICES.pack(slice) }, KEYS)),
    certify: async (orders, validity) => {
      const fields = withSerialNumbers(orders, random)
      const certificates = await inSlices(fields, async (slice) =>
        token === null
          ? run({ kind: 'certify', rows: FIELDS.pack(slice), validity }, CERTIFICATES)
          : run({ kind: 'finish', rows: SIGNED.pack(await token.sign(slice, validity)), validity }, CERTIFICATES),
      )
      return issued(fields, certificates)
    },
    prove: async () => token?.prove(),
    close: () => pool.close(),
  }
}
