import type { Clock, DurableFiles, EncryptionPorts, Who } from '../ports.js'
import type { Flock } from '../storage/node-file-system.js'

/** The real ports of this machine, put together. Operations and tests may have others. */
export interface Machine extends EncryptionPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  /** How `files` locks; only tests set it. */
  readonly flock?: Flock
}
