import { thisMachine } from '../../../machine/index.js'
import { isWrong } from '../../../operations/audit/verify/finding.js'
import { type RestorePkiResult, restorePki } from '../../../operations/backup/restore-pki.js'
import { filePath, resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import { embeddedStateDirectory } from '../../factory.js'
import { type Io, printable, printJson, printText, progressOn, style } from '../../output.js'
import { type OpenFlags, openerOf } from './backup.js'

/** The flags of `ca restore`. */
export interface RestoreFlags extends OpenFlags {
  readonly state: boolean
  readonly skipRootKey?: true
}

/** `fpki ca restore <file> <directory>` */
export async function restore(file: string, directory: string, flags: RestoreFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const machine = thisMachine(io.machine)
  const options = {
    file: filePath(file, io),
    directory: resolved(directory, io),
    stateDirectory: flags.state ? await embeddedStateDirectory(flags, io, machine) : null,
    skipRootKey: flags.skipRootKey === true,
  }
  const restored = await restorePki(options, { ...machine, progress, opener: openerOf(flags, io, progress) })
  if (flags.json) printJson(io, restored)
  else printText(io, asText(restored, flags, io))
  if (restored.verified.result === 'failure') io.outcome.status = EXIT_FOUND.broken
}

const STATE: Readonly<Record<RestorePkiResult['state'], string | null>> = {
  restored: 'Restored the state of the embedded Factory API too.',
  kept: 'Kept the existing state of the embedded Factory API.',
  'left-out': 'Did not restore the state of the embedded Factory API from the backup.',
  none: null,
}

/** With --quiet, only the findings of `ca verify`. */
function asText(
  { factory, directory, createdAt, files, state, verified }: RestorePkiResult,
  { quiet }: RestoreFlags,
  io: Io,
) {
  const stateLine = STATE[state]
  const lines = [
    style(io, 'bold', `Restored the PKI of the factory ${printable(factory)} to ${printable(directory)}`, 'stdout'),
    `  ${files} files, backed up ${createdAt}`,
    ...(stateLine === null ? [] : [`  ${stateLine}`]),
  ]
  const findings = verified.findings
    .filter(isWrong)
    .map(({ status, code, message, hint }) => `  ${status}  ${code}  ${printable(`${message} ${hint ?? ''}`).trim()}`)
  const verdict = findings.length === 0 ? ['  `ca verify --offline` found no problems.'] : findings
  const all = quiet ? findings : [...lines, ...verdict]
  return all.map((line) => `${line}\n`).join('')
}
