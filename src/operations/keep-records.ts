import type { PkiDirectory } from '../directory/pki-directory.js'
import type { Journal } from '../directory/records.js'
import { splitRegister } from '../directory/register-text.js'
import { FpkiError } from '../errors.js'
import { rfc3339 } from '../pki/describe.js'
import type { Signer } from '../ports.js'
import { readableCertificates } from './certificate-files.js'
import { type Register, type RegisterPorts, registerOf } from './register.js'
import { AS_FOUND, hasLine, KEEP, tracesOfRegister } from './register-traces.js'
import type { RootSigner } from './root-signer.js'
import type { Step } from './run-steps.js'

/** Before the first change of a directory that has none: a line that lists the certificates that are there, and a snapshot. */
export async function beginRecords(directory: PkiDirectory, register: Register, now: Date): Promise<void> {
  await beginRegister(directory, register)
  if ((await directory.snapshots()).length > 0) return
  await directory.takeSnapshot({ command: AS_FOUND, time: rfc3339(now), state: await directory.readState() })
}

/** The line that a register begins with in a directory that fioctl, or an fpki without one, has made. */
export async function beginRegister(directory: PkiDirectory, register: Register): Promise<void> {
  const head = await directory.readRegisterHead()
  const { lines } = splitRegister((await directory.readRegister()) ?? '', head)
  if (head !== null || hasLine(lines)) return
  // One that is gone begins anew, and not here: its first line says so, whichever command writes it.
  if ((await tracesOfRegister(directory)).length > 0) return
  const there = await readableCertificates(directory)
  await register.found(there, 'Here the register begins. These were in the directory already.')
}

/** What keeping the records takes. */
export interface KeepWork {
  readonly directory: PkiDirectory
  readonly register: Register
  /** null: there is no root certificate yet by which anybody could verify what the root signs. */
  readonly rootSigner: RootSigner | null
  warn(text: string): void
}

/** The last step of every command that changes something: the root signs for the register, and a snapshot is made. */
export function keepStep<Work extends KeepWork>({
  command,
  startedAt,
}: Pick<Journal, 'command' | 'startedAt'>): Step<Work> {
  return {
    ...KEEP,
    says: 'Keeping a snapshot',
    run: async ({ directory, register, rootSigner, warn }) => {
      if (rootSigner !== null) await register.seal(await rootSigner.open())
      await directory.takeSnapshot({ command, time: startedAt, state: await directory.readState() })
      await directory.thinSnapshots().catch((error: unknown) => {
        // The work is done: an old snapshot that cannot be read must keep nobody from the next command.
        if (!(error instanceof FpkiError)) throw error
        warn(`Old snapshots were not cleared away: ${error.message}`)
      })
      return undefined
    },
  }
}

/** Seconds: several may sign at once, and each is done in no time. */
const PATIENCE = 20

/**
 * Does `work` with the register, for a command that signs and changes nothing else: under the directory's lock, and with what
 * the root signs for it in the end. Throws ERR_LOCKED, what the register throws, and what `work` throws.
 *
 * @param signer the root key; null: it is not open, and the next command signs for the lines
 */
export async function registering<T>(
  directory: PkiDirectory,
  command: string,
  ports: RegisterPorts,
  signer: Signer | null,
  work: (register: Register) => Promise<T>,
): Promise<T> {
  await directory.make()
  const lock = await directory.lock(PATIENCE)
  try {
    const register = registerOf(directory, command, ports)
    await beginRegister(directory, register)
    const done = await work(register)
    if (signer !== null) await register.seal(signer)
    return done
  } finally {
    await lock.release()
  }
}
