import { isKeyFile, OWN_FOLDER, PKI_FILE_MODE } from '../../../directory/names.js'
import { type Finding, found } from './finding.js'
import type { Scene } from './scene.js'

/** Who may read and change what (docs/profile.md#files). */
export function checkModes({ directory, files, writable, foreign, above }: Scene): readonly Finding[] {
  const { path, mode, ownMode } = directory
  return [
    ...(foreign === null ? [] : [found('modes.foreign', null, `${path} is not yours alone: ${foreign}.`)]),
    ...(writable === null ? [] : [found('modes.writable', null, writable)]),
    ...checkFolder('.', path, mode, writable !== null),
    ...(ownMode === null ? [] : checkFolder(OWN_FOLDER, `${path}/${OWN_FOLDER}`, ownMode, false)),
    ...above.map((sentence) => found('modes.above', null, sentence)),
    ...files.flatMap(({ name, mode: fileMode }) => (fileMode === null ? [] : checkFile(name, fileMode))),
  ]
}

function checkFolder(name: string, path: string, mode: number, isTold: boolean): readonly Finding[] {
  const file = name === '.' ? null : name
  if ((mode & 0o022) !== 0) {
    return isTold ? [] : [found('modes.writable', file, `Others can write to ${path} (mode ${octal(mode)}).`)]
  }
  if ((mode & 0o777) === 0o700 || (mode & 0o777) === 0o500) return []
  return [found('modes.directory', file, `${path} has mode ${octal(mode)}, and not 0700.`)]
}

function checkFile(name: string, mode: number): readonly Finding[] {
  if (isKeyFile(name) && (mode & 0o077) !== 0) {
    return [found('modes.key', name, `Others can get at ${name} (mode ${octal(mode)}).`)]
  }
  return mode === PKI_FILE_MODE ? [] : [found('modes.file', name, `${name} has mode ${octal(mode)}, and not 0400.`)]
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
