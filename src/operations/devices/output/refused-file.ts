import { csvText, safeCell } from '../../../csv.js'
import type { BatchFiles } from '../../../ports.js'
import { checkAbsolute } from '../../../storage/absolute-path.js'
import type { RefusedDevice } from '../model.js'

/** The list of refused rows of one run. */
export interface RefusedFile {
  write(devices: readonly RefusedDevice[]): Promise<void>
  /**
   * Gives the list its name, after a complete run and after an interrupted one: what was refused so far is worth knowing. A
   * list of an earlier run is kept as `FILE.bak`, so that the same command can be run again.
   */
  finish(): Promise<void>
}

/** Public: it has no secrets, and people of the line work with it. */
const MODE = 0o644

/**
 * Opens a list of refused rows: CSV with the columns `at, uuid, code, reason` when its name ends in `.csv`, otherwise JSON
 * lines with these members.
 *
 * @param path absolute
 * @throws FpkiError ERR_USAGE when it is relative; ERR_STORAGE
 */
export async function openRefusedFile(path: string, batches: BatchFiles): Promise<RefusedFile> {
  checkAbsolute(path, 'file of refused rows', 'refused')
  const textOf = path.endsWith('.csv') ? csvOf : jsonlOf
  const file = await batches.openFile(path, MODE, 'keep')
  try {
    if (path.endsWith('.csv')) await file.write(Buffer.from(csvText([['at', 'uuid', 'code', 'reason']])))
  } catch (error) {
    await file.stop().catch(() => undefined)
    throw error
  }
  return {
    write: async (devices) => {
      if (devices.length > 0) await file.write(Buffer.from(textOf(devices)))
    },
    finish: () => file.finish(),
  }
}

function csvOf(devices: readonly RefusedDevice[]): string {
  return csvText(devices.map(({ at, uuid, code, reason }) => [safeCell(at), uuid ?? '', code, safeCell(reason)]))
}

function jsonlOf(devices: readonly RefusedDevice[]): string {
  return devices.map(({ at, uuid, code, reason }) => `${JSON.stringify({ at, uuid, code, reason })}\n`).join('')
}
