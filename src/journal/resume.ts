import { ABANDON, ROOT_CSR_COMMAND } from '../directory/commands.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { type Journal, journal as journalRecord } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'
import { readJsonText } from '../storage/json-file.js'
import type { Facts } from './run-steps.js'

/** The fact under which a `ca create --root-cert`, and what gives it up, has the journal of the `ca root-csr` before it. */
const GOES_ON_FROM = 'goesOnFrom'

/** The facts that a `ca create` begins with where `ca root-csr` has made the key. Throws ERR_BAD_FILE. */
export async function goingOnFrom(directory: PkiDirectory): Promise<Facts> {
  const journal = await lastJournal(directory)
  return journal?.command === ROOT_CSR_COMMAND ? { [GOES_ON_FROM]: JSON.stringify(journal) } : {}
}

/** The facts of an open command that whoever gives it up must have too. */
export function broughtAlong({ facts }: Journal): Facts {
  const before = facts[GOES_ON_FROM]
  return before === undefined ? {} : { [GOES_ON_FROM]: before }
}

/** The journal of the `ca root-csr` that a command went on from; null: there was none. Throws ERR_BAD_FILE. */
export function goesOnFrom({ facts }: Journal): Journal | null {
  const before = facts[GOES_ON_FROM]
  return before === undefined ? null : readJsonText(before, `${GOES_ON_FROM} in journal.json`, journalRecord)
}

/** The journal that counts: where a `ca create --root-cert` was given up, that of the `ca root-csr` whose key is still there. */
export async function lastJournal(directory: PkiDirectory): Promise<Journal | null> {
  const journal = await directory.readJournal()
  if (journal?.command !== ABANDON || journal.finishedAt === null) return journal
  return goesOnFrom(journal) ?? journal
}

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
  const begun = said.map((name) => `${name} ${journal.arguments[name] || '(not given)'}`).join(', ')
  const at = shellWord(directory.path)
  throw new FpkiError(
    'ERR_UNFINISHED',
    `${directory.path} holds a \`${journal.command}\` that was interrupted, and it was begun with ${begun}.`,
    `Finish it as it was begun with \`fpki ca resume ${at}\`, or discard it with \`fpki ca abandon ${at}\`; then run this again.`,
  )
}

/** The error for a directory that has what nothing may be made over. */
export async function holdsPki(directory: PkiDirectory): Promise<FpkiError> {
  const contents = await directory.contents()
  const at = shellWord(directory.path)
  return new FpkiError(
    'ERR_EXISTS',
    `${directory.path} holds a PKI already (${contents.join(', ') || 'its files were moved away'}).`,
    `Nothing was changed. See it with \`fpki ca status ${at}\`. Other names for its gateway: \`fpki ca rotate-tls ${at} --tls-name HOST\`. ` +
      'Another PKI: name another directory.',
  )
}

function emptyJournal(directory: PkiDirectory): FpkiError {
  const path = `${directory.path}/.fpki/journal.json`
  return new FpkiError('ERR_BAD_FILE', `${path} has no steps.`, 'Nothing was changed; put it back as fpki wrote it.')
}
