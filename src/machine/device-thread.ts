import { fileURLToPath } from 'node:url'

/** The program of the worker threads that the package has for users of the library: {@link DeviceThreads.program}. */
export const deviceThreadProgram: string = fileURLToPath(
  new URL('cli/device-batch/device-batch-thread.js', import.meta.url),
)

/** The same for a register: {@link ServiceThreads.registerProgram}. */
export const registerThreadProgram: string = fileURLToPath(
  new URL('cli/device-register/register-thread.js', import.meta.url),
)
