import { batchesInThisThread } from '../issuance/device-batch/in-this-thread.js'
import type { BatchIssuer, DeviceBatches } from '../issuance/device-batch/model.js'
import type { BatchFiles } from '../ports.js'
import { batchFiles } from '../storage/batch-files.js'
import { type InputFiles, nodeInputFiles } from '../storage/input-files.js'
import { nodeFileSystem } from '../storage/node-file-system.js'
import type { Machine } from './machine.js'

export { streamSink } from '../storage/sinks.js'

/** The ports of this machine for batches of devices. */
export interface DeviceMachine {
  readonly inputFiles: InputFiles
  readonly batchFiles: BatchFiles
  newBatches(issuer: BatchIssuer): DeviceBatches
}

/** What `devices issue` needs of this machine besides its ports. */
export function deviceMachine({ random }: Pick<Machine, 'random'>): DeviceMachine {
  return {
    inputFiles: nodeInputFiles(),
    batchFiles: batchFiles(nodeFileSystem(), random),
    newBatches: (issuer) => batchesInThisThread(issuer, { random }),
  }
}
