import type { PkiDirectory } from '../directory/pki-directory.js'
import type { Journal } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { Facts } from './run-steps.js'

/** The command that gives up an interrupted one. */
export const ABANDON = 'ca abandon'

/**
 * Refuses to go on with the work of a journal when it is another command's, or was begun with other arguments. Throws
 * ERR_UNFINISHED, or ERR_BAD_FILE when the journal has no steps.
 */
export function requireSameWork(directory: PkiDirectory, journal: Journal, command: string, wanted: Facts): void {
  if (journal.steps.length === 0) throw emptyJournal(directory)
  const names = Object.keys({ ...journal.arguments, ...wanted })
  const differing = names.filter((name) => (wanted[name] ?? '') !== (journal.arguments[name] ?? ''))
  if (journal.command === command && differing.length === 0) return
  const isOther = journal.command !== command
  const said = isOther ? Object.keys(journal.arguments) : differing
  const begun = said.map((name) => `${name} ${journal.arguments[name] || '(not said)'}`).join(', ')
  throw new FpkiError(
    'ERR_UNFINISHED',
    `${directory.path} holds a \`${journal.command}\` that was interrupted, and it was begun with ${begun}.`,
    isOther
      ? 'Bring it to its end first with `fpki ca resume`, or give it up with `fpki ca abandon`.'
      : 'Run it with the same options as the first time, so that it can be brought to its end.',
  )
}

/** The error for a directory that has what nothing may be made over. */
export async function holdsPki(directory: PkiDirectory): Promise<FpkiError> {
  const contents = await directory.contents()
  return new FpkiError(
    'ERR_EXISTS',
    `${directory.path} holds a PKI already (${contents.join(', ') || 'its files were moved away'}).`,
    'See it with `fpki ca show --pretty`, or name another directory. Nothing was changed.',
  )
}

function emptyJournal(directory: PkiDirectory): FpkiError {
  const path = `${directory.path}/.fpki/journal.json`
  return new FpkiError('ERR_BAD_FILE', `${path} has no steps.`, 'Nothing was changed; put it back as fpki wrote it.')
}
