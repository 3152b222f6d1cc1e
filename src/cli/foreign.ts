import { thisMachine } from '../machine/index.js'
import { foreignDirectories } from '../operations/audit/foreign-directories.js'
import { type Io, type OutputFlags, progressOn } from './output.js'

/** Warns about directories that other users own or can write to. For commands that only read. */
export async function warnOfForeign(paths: readonly string[], flags: OutputFlags, io: Io): Promise<void> {
  const { warn } = progressOn(io, flags)
  for (const sentence of await foreignDirectories(thisMachine(io.machine).files, paths)) warn(sentence)
}
