import { namedFactory } from '../../../config/settings.js'
import { counted } from '../../../counted.js'
import { FpkiError } from '../../../errors.js'
import { deviceFiles } from '../../../machine/devices.js'
import { thisMachine } from '../../../machine/index.js'
import { planOutput } from '../../../operations/devices/output/plan.js'
import { type ExportDevicesResult, exportDevices } from '../../../operations/devices/transfer/export-devices.js'
import { publishDevices } from '../../../operations/devices/transfer/publish-devices.js'
import { readTime } from '../../../operations/read-time.js'
import { filePath, resolved } from '../../directory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, octetsOnStdout, printable, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `devices export`. */
export interface ExportDevicesFlags extends CommonFlags {
  readonly out: string
  readonly outFormat: string
  readonly since?: string
  readonly ca?: string
  readonly gateway?: string
  readonly ostree?: string
  readonly store?: string
}

/** `fpki devices export <directory>` */
export async function exportIssued(directory: string, flags: ExportDevicesFlags, io: Io): Promise<void> {
  if (flags.out === '-' && (flags.json || flags.outFormat === 'transfer')) throw notToStdout()
  const progress = progressOn(io, flags)
  const result = await written(directory, flags, io)
  if (flags.json) printJson(io, result)
  else
    progress.note(
      `Wrote ${counted(result.certificates, 'certificate')} of ${counted(result.devices, 'device')} to ${printable(result.file ?? 'stdout')}`,
    )
}

function written(directory: string, flags: ExportDevicesFlags, io: Io): Promise<ExportDevicesResult> {
  const { out, outFormat, ca = null, gateway = null, ostree = null } = flags
  const machine = thisMachine(io.machine)
  const ports = { ...machine, batches: deviceFiles(machine).batchFiles, signal: io.signal }
  const since = flags.since === undefined ? null : readTime(flags.since, 'since').getTime()
  const options = {
    directory: resolved(directory, io),
    factory: namedFactory(flags, io.env),
    since,
    store: storeOf(flags, io),
  }
  if (outFormat === 'transfer') return exportDevices({ ...options, out: filePath(out, io) }, ports)
  const output = planOutput(out === '-' ? out : filePath(out, io), outFormat)
  return publishDevices({ ...options, output, ca, gateway, ostree }, { ...ports, stdout: octetsOnStdout(io) })
}

function notToStdout(): FpkiError {
  return new FpkiError('ERR_USAGE', 'This cannot be written to stdout.', 'Write to a file: --out issued.jsonl')
}
