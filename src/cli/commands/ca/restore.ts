import { thisMachine } from '../../../machine/index.js'
import { isWrong } from '../../../operations/audit/verify/finding.js'
import { type RestorePkiResult, restorePki } from '../../../operations/backup/restore-pki.js'
import { filePath, resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import { embeddedStateDirectory } from '../../factory.js'
import { type Io, printable, printJson, progressOn, style } from '../../output.js'
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
  else io.stdout(inWords(restored, flags, io))
  if (restored.verified.result === 'failure') io.outcome.status = EXIT_FOUND.broken
}

const STATE: Readonly<Record<RestorePkiResult['state'], string | null>> = {
  restored: 'The state of the embedded Factory API is back too.',
  kept: 'The state of the embedded Factory API was there already, and is as it was.',
  'left-out': 'The state of the embedded Factory API is in the backup, and was left out.',
  none: null,
}

/** With --quiet, only what `ca verify` has found. */
function inWords(
  { factory, directory, createdAt, files, state, verified }: RestorePkiResult,
  { quiet }: RestoreFlags,
  io: Io,
) {
  const told = STATE[state]
  const lines = [
    style(io, 'bold', `Restored the PKI of the factory ${printable(factory)} in ${printable(directory)}`, 'stdout'),
    `  ${files} files, as they were ${createdAt}`,
    ...(told === null ? [] : [`  ${told}`]),
  ]
  const findings = verified.findings
    .filter(isWrong)
    .map(({ status, code, message, hint }) => `  ${status}  ${code}  ${printable(`${message} ${hint ?? ''}`).trim()}`)
  const verdict = findings.length === 0 ? ['  `ca verify --offline` finds nothing wrong.'] : findings
  const all = quiet ? findings : [...lines, ...verdict]
  return all.map((line) => `${line}\n`).join('')
}
