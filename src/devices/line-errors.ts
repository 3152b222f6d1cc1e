import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'
import { DEFAULT_LINE } from './register.js'

/** The PKI directory or kit of a register, for commands in hints; null: the register does not know it. */
type Directory = string | null

/** ERR_LINE: no line has this name. */
export function noSuchLine(name: string, directory: Directory = null): FpkiError {
  const list = (at: string) => ` \`fpki lines list ${at}\` lists the lines.`
  return lineError('ERR_LINE', `There is no line ${JSON.stringify(name)}.`, directory, list)
}

/** ERR_EXISTS: another line has this name. */
export function lineExists(name: string, directory: Directory = null): FpkiError {
  const show = (at: string) => ` \`fpki lines show ${at} ${name}\` shows it.`
  return lineError('ERR_EXISTS', `There is a line ${name} already.`, directory, show)
}

/** ERR_LINE: a closed line stays closed. */
export function lineIsClosed(name: string, directory: Directory = null): FpkiError {
  const create = (at: string) => ` Create another one: \`fpki lines create ${at} NAME\`.`
  return lineError('ERR_LINE', `The line ${name} is closed for ever.`, directory, create)
}

/** ERR_LINE: the line `default` cannot be closed. */
export function defaultLineStays(directory: Directory = null): FpkiError {
  const text = `The line ${DEFAULT_LINE} exists in every register, and cannot be closed.`
  return lineError('ERR_LINE', text, directory, (at) => ` Pause it with \`fpki lines pause ${at} ${DEFAULT_LINE}\`.`)
}

function lineError(
  code: 'ERR_LINE' | 'ERR_EXISTS',
  text: string,
  directory: Directory,
  next: (at: string) => string,
): FpkiError {
  return new FpkiError(code, text, `Nothing was changed.${directory === null ? '' : next(shellWord(directory))}`)
}
