import { namedFactory } from '../../../config/settings.js'
import { counted } from '../../../counted.js'
import { FpkiError } from '../../../errors.js'
import { deviceFiles } from '../../../machine/devices.js'
import { thisMachine } from '../../../machine/index.js'
import { type ImportDevicesResult, importDevices } from '../../../operations/devices/transfer/import-devices.js'
import { importRegistrationRef } from '../../../operations/devices/transfer/import-registration-ref.js'
import type { Progress } from '../../../ports.js'
import { filePath, resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `devices import`. */
export interface ImportDevicesFlags extends CommonFlags {
  readonly store?: string
  readonly registrationRef?: string
  readonly line?: string
}

/** How many refused rows are listed; `--json` has more. */
const LISTED = 20

/** `fpki devices import <directory> [file]` */
export async function importIssued(
  directory: string,
  file: string | undefined,
  flags: ImportDevicesFlags,
  io: Io,
): Promise<void> {
  const progress = progressOn(io, flags)
  const source = sourceOf(file, flags)
  const result = await importAs(source, directory, { flags, io, progress })
  report(result, 'file' in source ? 'certificate' : 'device', progress)
  if (flags.json) printJson(io, result)
  if (result.refused > 0 || result.overQuota.length > 0) io.outcome.status = EXIT_FOUND.refused
}

/** What is imported. */
type Source = { readonly file: string } | { readonly folder: string; readonly line: string | null }

function sourceOf(file: string | undefined, { registrationRef: folder, line }: ImportDevicesFlags): Source {
  if (file !== undefined && folder === undefined && line === undefined) return { file }
  if (file === undefined && folder !== undefined) return { folder, line: line ?? null }
  throw new FpkiError(
    'ERR_USAGE',
    'Either a file of `devices export` is imported, or a folder with --registration-ref (and --line).',
    'See fpki devices import --help.',
  )
}

function importAs(
  source: Source,
  directory: string,
  { flags, io, progress }: { readonly flags: ImportDevicesFlags; readonly io: Io; readonly progress: Progress },
): Promise<ImportDevicesResult> {
  const machine = thisMachine(io.machine)
  const options = {
    directory: resolved(directory, io),
    factory: namedFactory(flags, io.env),
    store: storeOf(flags, io),
  }
  const ports = { ...machine, inputs: deviceFiles(machine).inputFiles, progress, signal: io.signal }
  if ('file' in source) return importDevices({ ...options, file: filePath(source.file, io) }, ports)
  return importRegistrationRef({ ...options, ...source, folder: filePath(source.folder, io) }, ports)
}

function report(result: ImportDevicesResult, what: 'certificate' | 'device', progress: Progress): void {
  const { imported, existing, refused, refusals, overQuota, newLines } = result
  for (const { line, name, uuid, code, reason } of refusals.slice(0, LISTED)) {
    const at = name ?? `Line ${line}${uuid === null ? '' : `, ${uuid}`}`
    progress.warn(`${at}, refused: ${reason}. [${code}]`)
  }
  if (refused > LISTED) progress.warn(`${refused - LISTED} more rows were refused; --json lists up to 1,000.`)
  for (const { line, quota, issued } of overQuota)
    progress.warn(`The line ${line} has issued ${issued} devices, more than its quota of ${quota}.`)
  for (const line of newLines) progress.warn(`The line ${line} was unknown here. It was created, paused.`)
  progress.note(`Imported ${counted(imported, what)}; ${existing} existed, ${refused} were refused.`)
}
