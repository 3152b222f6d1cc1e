import { availableParallelism } from 'node:os'
import type { SqliteOptions } from '../devices/open.js'
import { batchesInThisThread } from '../issuance/device-batch/in-this-thread.js'
import { batchesInThreads } from '../issuance/device-batch/in-threads.js'
import type { BatchIssuer, DeviceBatches } from '../issuance/device-batch/model.js'
import type { IssuingRegister } from '../operations/registration/issuing-thread/calls.js'
import { registerInThread } from '../operations/registration/issuing-thread/in-thread.js'
import type { BatchFiles } from '../ports.js'
import { batchFiles } from '../storage/batch-files.js'
import { concurrentFileSystem } from '../storage/concurrent-file-system.js'
import { type InputFiles, nodeInputFiles } from '../storage/input-files.js'
import type { Machine } from './machine.js'

export { streamSink } from '../storage/sinks.js'

/** The ports of this machine for batches of devices. */
export interface DeviceMachine {
  readonly inputFiles: InputFiles
  readonly batchFiles: BatchFiles
  newBatches(issuer: BatchIssuer): DeviceBatches
}

/** How worker threads are started. */
export interface DeviceThreads {
  /** The bundle of issuance/device-batch/thread.ts. */
  readonly program: string
  readonly signal: AbortSignal
  /** By default one for each core. */
  readonly threads?: number
  /** How many devices a batch must have for the threads to start; by default so many that they are worth it for one batch. */
  readonly from?: number
}

/** How the worker threads of a service are started. */
export interface ServiceThreads extends DeviceThreads {
  /** The bundle of operations/registration/issuing-thread/thread.ts; by default the register has no thread. */
  readonly registerProgram?: string
}

/** The ports of this machine for a service. */
export interface ServiceMachine extends DeviceMachine {
  /** Only where there is more than one core. */
  openRegister?(options: SqliteOptions): Promise<IssuingRegister>
}

/** Fewer devices are done before a thread has started. */
const WORTH_THREADS = 64

/** What `devices issue` needs of this machine besides its ports. */
export function deviceMachine({ random }: Pick<Machine, 'random'>, threads: DeviceThreads): DeviceMachine {
  return {
    ...deviceFiles({ random }),
    newBatches: (issuer) => batchesWhereWorth(issuer, random, threads),
  }
}

/**
 * The same for a service, which has many small batches. This thread answers clients. Where there is another core, a SQLite
 * register has it, with the keys of files: what is looked up, signed and committed there comes back in one message. Other worker
 * threads check requests, if there are cores for them.
 */
export function serviceMachine(machine: Pick<Machine, 'random'>, threads: ServiceThreads): ServiceMachine {
  const { registerProgram, threads: cores = availableParallelism() } = threads
  const others = cores - (registerProgram === undefined ? 1 : 2)
  const pool = others > 0 ? { threads: others, from: 0 } : { from: Number.POSITIVE_INFINITY }
  const devices = deviceMachine(machine, { ...threads, ...pool })
  if (cores === 1 || registerProgram === undefined) return devices
  return { ...devices, openRegister: (options) => registerInThread(options, registerProgram) }
}

/** The files of this machine for many devices. */
export function deviceFiles({ random }: Pick<Machine, 'random'>): Pick<DeviceMachine, 'inputFiles' | 'batchFiles'> {
  return { inputFiles: nodeInputFiles(), batchFiles: batchFiles(concurrentFileSystem(), random) }
}

/** Batches in this thread until one is large enough for worker threads. */
function batchesWhereWorth(
  issuer: BatchIssuer,
  random: Machine['random'],
  { program, signal, threads = availableParallelism(), from = WORTH_THREADS }: DeviceThreads,
): DeviceBatches {
  const here = batchesInThisThread(issuer, { random, signal })
  let others: DeviceBatches | null = null
  const batchesFor = (size: number) => {
    if (size >= from) others ??= batchesInThreads(issuer, { threads, program }, { random, signal })
    return others ?? here
  }
  return {
    check: (requests, policy) => batchesFor(requests.length).check(requests, policy),
    makeKeys: (devices) => batchesFor(devices.length).makeKeys(devices),
    certify: (orders, validity) => batchesFor(orders.length).certify(orders, validity),
    prove: () => batchesFor(0).prove(),
    close: async () => {
      await others?.close()
      await here.close()
    },
  }
}
