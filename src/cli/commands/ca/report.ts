import { namedFactory } from '../../../config/settings.js'
import { thisMachine } from '../../../machine/index.js'
import { REPORT_FORMATS, type ReportFormat, renderReport, reportPki } from '../../../operations/report/report-pki.js'
import { filePath, resolved } from '../../directory.js'
import { warnOfForeign } from '../../foreign.js'
import { keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `ca report`. */
export interface ReportFlags extends CommonFlags, HsmFlags {
  readonly out?: string
  readonly format?: ReportFormat
  readonly sign?: true
  readonly warnDays: number
  readonly store?: string
}

/** `fpki ca report <directory>` */
export async function reportOnPki(directory: string, flags: ReportFlags, io: Io): Promise<void> {
  const { out, format = formatOf(out), sign = false, warnDays } = flags
  const path = resolved(directory, io)
  const progress = progressOn(io, flags)
  await warnOfForeign([path], flags, io)
  const reported = await reportPki(
    {
      directory: path,
      store: storeOf(flags, io),
      factory: namedFactory(flags, io.env),
      out: out === undefined ? null : filePath(out, io),
      ...{ format, sign, warnDays },
    },
    { ...thisMachine(io.machine), access: await keyAccess(flags, io, progress) },
  )
  const { report, file, signatureFile } = reported
  if (flags.json) return printJson(io, reported)
  if (file === null) return io.stdout(renderReport(report, format))
  progress.note(
    `Wrote the report to ${file}${signatureFile === null ? '.' : `, and its signature to ${signatureFile}.`}`,
  )
}

/** By the name of the file: nobody wants HTML in a file of Markdown. */
function formatOf(out: string | undefined): ReportFormat {
  const ending = out?.split('.').at(-1)?.toLowerCase()
  return REPORT_FORMATS.find((format) => format === ending) ?? 'html'
}
