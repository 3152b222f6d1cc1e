import { namedFactory } from '../../../config/settings.js'
import { thisMachine } from '../../../machine/index.js'
import { reportDevices } from '../../../operations/devices/report/report-devices.js'
import { readTime } from '../../../operations/read-time.js'
import { readInputFile } from '../../../storage/input-file.js'
import { filePath, resolved } from '../../directory.js'
import { checkStdin, keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `devices report`. */
export interface ReportFlags extends CommonFlags, HsmFlags {
  readonly line: string
  readonly from?: string
  readonly to?: string
  readonly shipped?: string
  readonly out?: string
  readonly store?: string
}

/** A few million UUIDs. */
const MAX_BYTES = 256 * 1024 * 1024

/** `fpki devices report <directory>` */
export async function report(directory: string, flags: ReportFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const { shipped, out } = flags
  if (shipped === '-') checkStdin(flags, 'the list of devices')
  const window = {
    line: flags.line,
    from: flags.from === undefined ? null : readTime(flags.from, 'from'),
    to: flags.to === undefined ? null : readTime(flags.to, 'to'),
  }
  const reported = await reportDevices(
    {
      ...window,
      directory: resolved(directory, io),
      store: storeOf(flags, io),
      factory: namedFactory(flags, io.env),
      shipped: shipped === undefined ? null : await shippedList(shipped, io),
      out: out === undefined ? null : filePath(out, io),
    },
    { ...thisMachine(io.machine), access: await keyAccess(flags, io, progress) },
  )
  if (flags.json) return printJson(io, reported)
  if (reported.file === null) return io.stdout(reported.text)
  const { missing, extra, twice } = reported
  progress.note(`Wrote the report to ${reported.file}, and its signature to ${reported.signatureFile}.`)
  progress.note(`${missing.length} missing, ${extra.length} extra, ${twice.length} twice.`)
}

async function shippedList(file: string, io: Io) {
  const path = file === '-' ? file : filePath(file, io)
  return { content: await readInputFile(path, MAX_BYTES, io.stdin), what: file === '-' ? 'stdin' : path }
}
