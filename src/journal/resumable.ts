import { ABANDON, CREATE, ROOT_CSR_COMMAND } from '../directory/commands.js'
import type { Journal, JournalledCommand, JournalOf, OptionsOf } from '../directory/journal-record.js'
import { PKI_FILES, type PkiFile } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { optionsAsText, type StartedOption, UnfinishedError } from '../directory/unfinished-error.js'
import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'

/**
 * The interrupted run of this command; null: no command is open. Throws ERR_UNFINISHED when another one is, or the same
 * with other options; ERR_BAD_FILE.
 */
export async function resumable<Command extends JournalledCommand>(
  directory: PkiDirectory,
  command: Command,
  options: OptionsOf<Command>,
): Promise<JournalOf<Command> | null> {
  const journal = await directory.readJournal()
  return journal === null || journal.finishedAt !== null ? null : requireSame(directory, journal, command, options)
}

/** As {@link resumable}, for a command that creates a PKI: throws ERR_EXISTS when the directory has one. */
export async function resumableInNew<Command extends JournalledCommand>(
  directory: PkiDirectory,
  command: Command,
  options: OptionsOf<Command>,
): Promise<JournalOf<Command> | null> {
  if ((await directory.check()) === 'missing') return null
  const journal = await lastJournal(directory)
  if (journal !== null && journal.finishedAt === null) return requireSame(directory, journal, command, options)
  const contents = await directory.contents()
  if (isRootCsr(journal) && contents.every((name) => ROOT_FILES.includes(name))) return null
  if (contents.length > 0 || !(journal === null || journal.command === ABANDON)) throw await holdsPki(directory)
  return null
}

const ROOT_FILES: readonly PkiFile[] = [PKI_FILES.rootKey, PKI_FILES.rootCertificate]

function isRootCsr(journal: Journal | null): journal is JournalOf<typeof ROOT_CSR_COMMAND> {
  return journal?.command === ROOT_CSR_COMMAND && journal.finishedAt !== null
}

/** The finished `ca root-csr` whose key has no certificate yet; null: none. Throws ERR_BAD_FILE. */
export async function finishedRootCsr(directory: PkiDirectory): Promise<JournalOf<typeof ROOT_CSR_COMMAND> | null> {
  if ((await directory.check()) === 'missing') return null
  const journal = await lastJournal(directory)
  return isRootCsr(journal) ? journal : null
}

/** The last journal; after an abandoned `ca create`, that of the `ca root-csr` whose key still exists. */
async function lastJournal(directory: PkiDirectory): Promise<Journal | null> {
  const journal = await directory.readJournal()
  if (journal?.command !== ABANDON || journal.finishedAt === null) return journal
  const abandoned = journal.options.journal
  return (abandoned.command === CREATE ? abandoned.rootCsr : undefined) ?? journal
}

/** The journal as that of this command. Throws ERR_UNFINISHED, ERR_BAD_FILE when the journal has no steps. */
export function requireSame<Command extends JournalledCommand>(
  directory: PkiDirectory,
  journal: Journal,
  command: Command,
  options: OptionsOf<Command>,
): JournalOf<Command> {
  if (journal.steps.length === 0) throw emptyJournal(directory)
  if (!isOf(journal, command))
    throw new UnfinishedError(directory.path, journal.command, optionsAsText(journal.options))
  const [recorded, wanted] = [optionsAsText(journal.options), optionsAsText(options)]
  const names = [...new Set([...recorded, ...wanted].map(({ name }) => name))]
  const valueIn = (all: readonly StartedOption[], of: string) => all.find(({ name }) => name === of)?.value ?? ''
  // A change checks the root in the Factory API first, whatever its address; setting a root is bound to one API.
  const compared = names.filter((name) => name !== 'api' || command === CREATE)
  const isOn = (value: string) => (value === 'false' ? '' : value)
  const differing = compared.filter((name) => isOn(valueIn(recorded, name)) !== isOn(valueIn(wanted, name)))
  if (differing.length === 0) return journal
  const started = differing.map((name) => ({ name, value: valueIn(recorded, name) }))
  throw new UnfinishedError(directory.path, command, started)
}

function isOf<Command extends JournalledCommand>(journal: Journal, command: Command): journal is JournalOf<Command> {
  return journal.command === command
}

/** The error for a directory that already contains a PKI. */
async function holdsPki(directory: PkiDirectory): Promise<FpkiError> {
  const contents = await directory.contents()
  const at = shellWord(directory.path)
  return new FpkiError(
    'ERR_EXISTS',
    `${directory.path} already contains a PKI (${contents.join(', ') || 'its files were moved away'}).`,
    `Nothing was changed. To inspect it: \`fpki ca status ${at}\`. To change the names of its gateway: \`fpki ca rotate-tls ${at} --tls-name HOST\`. ` +
      'To create another PKI, use another directory.',
  )
}

function emptyJournal({ path }: PkiDirectory): FpkiError {
  const hint = 'Nothing was changed. Restore the file from a backup.'
  return new FpkiError('ERR_BAD_FILE', `${path}/.fpki/journal.jsonl has no steps.`, hint)
}
