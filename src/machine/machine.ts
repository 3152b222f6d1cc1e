import type { Clock, DurableFiles, EncryptionPorts, Who } from '../ports.js'

/** The real ports of this machine, put together. Operations and tests may have others. */
export interface Machine extends EncryptionPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
}
