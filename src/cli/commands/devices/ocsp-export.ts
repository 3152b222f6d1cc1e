import { namedFactory } from '../../../config/settings.js'
import { counted } from '../../../counted.js'
import { deviceFiles } from '../../../machine/devices.js'
import { thisMachine } from '../../../machine/index.js'
import { exportAnswers } from '../../../operations/ocsp/export-answers.js'
import { filePath, resolved } from '../../directory.js'
import { keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `devices ocsp-export`. */
export interface OcspExportFlags extends CommonFlags, HsmFlags {
  readonly out: string
  readonly ca?: string
  /** In seconds. */
  readonly validity?: number
  readonly store?: string
}

const WEEK = 7 * 86_400

/** `fpki devices ocsp-export <directory>` */
export async function ocspExport(directory: string, flags: OcspExportFlags, io: Io): Promise<void> {
  const { out, ca = null, validity = WEEK } = flags
  const machine = thisMachine(io.machine)
  const progress = progressOn(io, flags)
  const result = await exportAnswers(
    {
      ...{ directory: resolved(directory, io), factory: namedFactory(flags, io.env), store: storeOf(flags, io) },
      ...{ out: filePath(out, io), ca, validity: validity * 1000 },
    },
    {
      ...{ ...machine, progress, batches: deviceFiles(machine).batchFiles, signal: io.signal },
      access: await keyAccess(flags, io, progress),
    },
  )
  if (flags.json) return printJson(io, result)
  const { good, revoked, folder, validUntil } = result
  const until = validUntil === null ? '' : `, valid until ${validUntil}`
  progress.note(
    `Wrote ${counted(good + revoked, 'answer')} (${good} good, ${revoked} revoked) to ${printable(folder)}${until}.`,
  )
}
