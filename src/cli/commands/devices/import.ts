import { namedFactory } from '../../../config/settings.js'
import { deviceFiles } from '../../../machine/devices.js'
import { thisMachine } from '../../../machine/index.js'
import { type ImportDevicesResult, importDevices } from '../../../operations/devices/transfer/import-devices.js'
import type { Progress } from '../../../ports.js'
import { filePath, resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `devices import`. */
export interface ImportDevicesFlags extends CommonFlags {
  readonly store?: string
}

/** How many refused rows are listed; `--json` has more. */
const LISTED = 20

/** `fpki devices import <directory> <file>` */
export async function importIssued(directory: string, file: string, flags: ImportDevicesFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const machine = thisMachine(io.machine)
  const store = storeOf(flags, io)
  const result = await importDevices(
    { directory: resolved(directory, io), factory: namedFactory(flags, io.env), file: filePath(file, io), store },
    { ...machine, inputs: deviceFiles(machine).inputFiles, progress, signal: io.signal },
  )
  report(result, progress)
  if (flags.json) printJson(io, result)
  if (result.refused > 0 || result.overQuota.length > 0) io.outcome.status = EXIT_FOUND.refused
}

function report(result: ImportDevicesResult, progress: Progress): void {
  const { imported, existing, refused, refusals, overQuota, newLines } = result
  for (const { line, uuid, code, reason } of refusals.slice(0, LISTED))
    progress.warn(`Line ${line}${uuid === null ? '' : `, ${uuid}`}, refused: ${reason}. [${code}]`)
  if (refused > LISTED) progress.warn(`${refused - LISTED} more rows were refused; --json lists up to 1,000.`)
  for (const { line, quota, issued } of overQuota)
    progress.warn(`The line ${line} has issued ${issued} devices, more than its quota of ${quota}.`)
  for (const line of newLines) progress.warn(`The line ${line} was unknown here. It was created, paused.`)
  progress.note(`Imported ${imported} certificates; ${existing} existed, ${refused} were refused.`)
}
