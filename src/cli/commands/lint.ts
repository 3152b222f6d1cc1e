import { resolve } from 'node:path'
import { namedFactory } from '../../config/settings.js'
import { thisMachine } from '../../machine/index.js'
import { type LintFilesResult, lintFiles, type Role } from '../../operations/audit/lint-files.js'
import { readInputFile } from '../../storage/input-file.js'
import { EXIT } from '../exit.js'
import { warnOfForeign } from '../foreign.js'
import type { CommonFlags } from '../options.js'
import { type Io, printable, printJson, printText, progressOn, style } from '../output.js'

/** The flags of `lint`. */
export interface LintFlags extends CommonFlags {
  readonly profile?: Role
  readonly strict?: true
}

type Finding = LintFilesResult['findings'][number]

/** `fpki lint <file...>` */
export async function lint(paths: readonly string[], flags: LintFlags, io: Io): Promise<void> {
  const options = {
    paths,
    workingDirectory: io.workingDirectory() ?? '/',
    factory: namedFactory(flags, io.env),
    profile: flags.profile ?? null,
    strict: flags.strict === true,
  }
  const ports = {
    ...thisMachine(io.machine),
    progress: progressOn(io, flags),
    readStdin: (maxBytes: number) => readInputFile('-', maxBytes, io.stdin),
  }
  await warnOfForeign(
    paths.map((path) => resolve(options.workingDirectory, path)),
    flags,
    io,
  )
  const linted = await lintFiles(options, ports)
  if (flags.json) printJson(io, linted)
  else printText(io, asText(linted, flags.quiet === true, io))
  if (!linted.passed) io.outcome.status = EXIT.ERR_BAD_CERTIFICATE
}

function asText(linted: LintFilesResult, isQuiet: boolean, io: Io): string {
  const withSeveralBlocks = new Set(linted.items.filter(({ block }) => block > 1).map(({ file }) => file))
  const shown = linted.findings.filter(({ severity }) => !(isQuiet && severity === 'notice'))
  const lines = shown.map((finding) => line(finding, withSeveralBlocks.has(finding.file), io))
  return [...lines, ...(isQuiet ? [] : [summary(linted)])].map((text) => `${text}\n`).join('')
}

function line({ file, block, severity, code, reason, cite }: Finding, isOneOfMany: boolean, io: Io): string {
  const word = severity === 'notice' ? severity : style(io, severity === 'error' ? 'red' : 'yellow', severity, 'stdout')
  return `${printable(file)}${isOneOfMany ? `#${block}` : ''}: ${word} ${code} ${printable(reason)} (${cite})`
}

function summary({ items, errors, warnings, notices }: LintFilesResult): string {
  const counts = [plural(errors, 'error'), plural(warnings, 'warning'), plural(notices, 'notice')]
  return `${counts.join(', ')} in ${plural(items.length, 'certificate, request or CRL', 'certificates, requests and CRLs')}`
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
