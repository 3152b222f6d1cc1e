import { DAY } from '../../../day.js'
import { ALL_DEVICES, type DeviceFilter, type DeviceRegister, type DeviceState } from '../../../devices/register.js'
import type { PkiDirectory } from '../../../directory/pki-directory.js'
import { requirePkiDirectory } from '../../../directory/require.js'
import type { Clock, DurableFiles, Random } from '../../../ports.js'
import { fingerprintOfCa } from '../ca-names.js'
import { requireLine } from '../lines/require-line.js'
import { type RegisterChoice, requireRegister } from '../open-register.js'

/** Ports of the operations that only look at a device register. */
export interface QueryPorts {
  readonly files: DurableFiles
  readonly random: Random
  readonly clock: Clock
}

/** Selects devices; absent: all. */
export interface DeviceSelection {
  readonly line?: string | undefined
  /** A certificate file in the directory, with or without `.pem`, or the SHA-256 fingerprint of one. */
  readonly ca?: string | undefined
  /** The state of the newest certificate, or `conflict`. */
  readonly state?: DeviceState | undefined
  readonly hardwareId?: string | undefined
  /** The newest certificate was issued at or after this time, */
  readonly since?: Date | undefined
  /** and before this one. */
  readonly until?: Date | undefined
  /** The newest certificate expires within this many days, or has expired. */
  readonly expiringDays?: number | undefined
}

/** A register that is open for reading, and the directory that it is of. */
export interface OpenToRead {
  readonly directory: PkiDirectory
  readonly register: DeviceRegister
}

/** Opens a register for reading. Throws ERR_NOT_A_DIRECTORY, and ERR_NOT_INITIALIZED when it does not exist. */
export async function openToRead(choice: RegisterChoice, ports: QueryPorts): Promise<OpenToRead> {
  const directory = await requirePkiDirectory(ports.files, choice.directory)
  return { directory, register: await requireRegister(choice, ports) }
}

/** Reads from a register. Throws as {@link openToRead}. */
export async function readRegister<T>(
  choice: RegisterChoice,
  ports: QueryPorts,
  read: (open: OpenToRead) => Promise<T>,
): Promise<T> {
  const open = await openToRead(choice, ports)
  try {
    return await read(open)
  } finally {
    await open.register.close()
  }
}

/** The filter of a selection. Throws ERR_LINE when there is no such line, and as {@link fingerprintOfCa} for the CA. */
export async function filterOf(
  { directory, register }: OpenToRead,
  selection: DeviceSelection,
  now: Date,
): Promise<DeviceFilter> {
  const { line, ca, expiringDays } = selection
  if (line !== undefined) await requireLine(register, { directory: directory.path, name: line })
  return {
    ...ALL_DEVICES,
    line: line ?? null,
    ca: ca === undefined ? null : await fingerprintOfCa(directory, ca),
    state: selection.state ?? null,
    hardwareId: selection.hardwareId ?? null,
    since: selection.since?.getTime() ?? null,
    until: selection.until?.getTime() ?? null,
    expiringBefore: expiringDays === undefined ? null : now.getTime() + expiringDays * DAY,
  }
}
