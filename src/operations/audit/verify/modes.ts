import { isKeyFile, OWN_FOLDER, PKI_FILE_MODE } from '../../../directory/names.js'
import type { AuditContext } from './context.js'
import { type Finding, failed } from './finding.js'

/** Ownership and modes (docs/profile.md#files). */
export function checkModes({ directory, files, writable, foreign, above }: AuditContext): readonly Finding[] {
  const { path, mode, ownMode } = directory
  return [
    ...(foreign === null ? [] : [failed('modes.foreign', null, `${path} is not yours alone: ${foreign}.`)]),
    ...(writable === null ? [] : [failed('modes.writable', null, writable)]),
    ...checkFolder('.', path, mode, writable !== null),
    ...(ownMode === null ? [] : checkFolder(OWN_FOLDER, `${path}/${OWN_FOLDER}`, ownMode, false)),
    ...above.map((sentence) => failed('modes.above', null, sentence)),
    ...files.flatMap(({ name, mode: fileMode }) => (fileMode === null ? [] : checkFile(name, fileMode))),
  ]
}

function checkFolder(name: string, path: string, mode: number, isReported: boolean): readonly Finding[] {
  const file = name === '.' ? null : name
  if ((mode & 0o022) !== 0) {
    return isReported ? [] : [failed('modes.writable', file, `Other users can write to ${path} (mode ${octal(mode)}).`)]
  }
  if ((mode & 0o777) === 0o700 || (mode & 0o777) === 0o500) return []
  return [failed('modes.directory', file, `${path} has mode ${octal(mode)} instead of 0700.`)]
}

function checkFile(name: string, mode: number): readonly Finding[] {
  if (isKeyFile(name) && (mode & 0o077) !== 0) {
    return [failed('modes.key', name, `Other users can access ${name} (mode ${octal(mode)}).`)]
  }
  return mode === PKI_FILE_MODE ? [] : [failed('modes.file', name, `${name} has mode ${octal(mode)} instead of 0400.`)]
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
