import * as z from 'zod/mini'
import { openAuditLog } from '../../audit-log/audit-log.js'
import { ABANDON } from '../../directory/commands.js'
import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { type Journal, journal as journalRecord } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import type { FactoryApi } from '../../factory/api.js'
import { broughtAlong } from '../../journal/resume.js'
import { type Facts, fact, newJournal, runSteps, type Step } from '../../journal/run-steps.js'
import { jsonDocument } from '../../json-document.js'
import { rfc3339 } from '../../pki/describe.js'
import type { Clock, DurableFiles, Progress, Who } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { parseJson } from '../../storage/json-file.js'
import { apiHasTaken, leftInApi } from './abandon-api.js'
import { filesMadeBy, leftInToken } from './abandon-files.js'

/** What `fpki ca abandon --json` prints. */
export const abandonWorkResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** What was given up; null: nothing was open. */
  command: z.nullable(z.string()),
  startedAt: z.nullable(z.string()),
  /** Where all that it had made is now, absolute; null: it had made nothing. */
  folder: z.nullable(z.string()),
  /** The names of the files there. */
  files: z.array(z.string()),
  /** What is left in a token, a sentence each. */
  inToken: z.array(z.string()),
  /** What is left in the Factory API, a sentence each. */
  inApi: z.array(z.string()),
})

/** See {@link abandonWorkResult}. */
export type AbandonWorkResult = z.infer<typeof abandonWorkResult>

/** What `ca abandon` works with. */
export interface AbandonPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly progress: Progress
  readonly signal: AbortSignal
  /** The Factory API that the command spoke to; asked for when it spoke to one. */
  api(): Promise<FactoryApi>
  /** Asks whoever runs fpki; throws ERR_NOT_CONFIRMED when it is not to be. */
  confirm(plan: AbandonWorkResult): Promise<void>
}

interface Work {
  readonly directory: PkiDirectory
  readonly clock: Clock
  readonly who: () => Who
}

/**
 * Gives up the command that was interrupted in a PKI directory. No key is deleted: what it had made goes into a folder of its own.
 *
 * @throws FpkiError ERR_UNFINISHED when the Factory API has taken the work; ERR_API when it may have, and says nothing;
 *   ERR_NOT_CONFIRMED, ERR_LOCKED, ERR_NOT_A_DIRECTORY, ERR_BAD_FILE, ERR_STORAGE
 */
export async function abandonWork(
  { directory: path }: { readonly directory: string },
  ports: AbandonPorts,
): Promise<AbandonWorkResult> {
  checkAbsolute(path, 'PKI directory')
  const directory = pkiDirectory(ports.files, path)
  if ((await directory.check()) === 'missing') {
    throw new FpkiError('ERR_NOT_A_DIRECTORY', `${path} does not exist.`, 'Name a PKI directory.')
  }
  const begun = await directory.readJournal()
  if (begun === null || begun.finishedAt !== null) return nothingOpen(path)
  // A question may take long: what is found under the lock must be the same.
  if (begun.command !== ABANDON) await ports.confirm((await planOf(directory, begun, ports)).told)
  const lock = await directory.lock()
  try {
    const open = await directory.readJournal()
    if (open?.startedAt !== begun.startedAt || open.command !== begun.command) throw changedMeanwhile(path)
    return await abandonLocked(directory, open, ports)
  } finally {
    await lock.release()
  }
}

async function abandonLocked(directory: PkiDirectory, open: Journal, ports: AbandonPorts): Promise<AbandonWorkResult> {
  const isBegun = open.command === ABANDON
  const plan = isBegun ? null : await planOf(directory, open, ports)
  const own = plan === null ? open : withFacts(newJournal(ABANDON, plan.arguments, STEPS, ports.clock()), plan.facts)
  const facts = await runSteps(STEPS, { ...ports, directory }, own, { ...ports, directory })
  return abandonWorkResult.parse(parseJson(fact(facts, 'told')))
}

/** What is to be known is in the journal before anything moves, so that an interrupted run goes on with it. */
function withFacts(journal: Journal, facts: Facts): Journal {
  return { ...journal, facts }
}

const STEPS: readonly Step<Work>[] = [
  { name: 'put-aside', says: 'Putting aside what was made', run: putAside },
  { name: 'audit-log', says: 'Logging it', run: logIt },
]

async function putAside({ directory }: Work, facts: Facts): Promise<undefined> {
  const folder = plainName(fact(facts, 'folder'), directory)
  const namesIn = (name: string) => fact(facts, name).split('/').filter(Boolean)
  const [inPlace, pending] = [namesIn('inPlace'), namesIn('pending')]
  await directory.putAside(folder, 'directory', inPlace)
  await directory.putAside(folder, 'pending', pending)
  if (fact(facts, 'hasState') === 'false') await directory.forgetState(folder)
  await directory.noteAside(folder, 'journal.json', parseJson(fact(facts, 'journal')))
}

/** The journal is a file like any other: whoever changed it is not to say where keys go. */
function plainName(folder: string, { path }: PkiDirectory): string {
  if (/^[\w-]+$/.test(folder)) return folder
  const hint = 'Nothing was changed; put .fpki/journal.json back as fpki wrote it.'
  throw new FpkiError(
    'ERR_BAD_FILE',
    `The journal of ${path} names ${JSON.stringify(folder)} for what is given up.`,
    hint,
  )
}

async function logIt({ directory, clock, who }: Work, facts: Facts): Promise<undefined> {
  const { command, startedAt } = journalRecord.parse(parseJson(fact(facts, 'journal')))
  const auditLog = openAuditLog(directory, ABANDON, { clock, who })
  await auditLog.event(`\`${command}\` of ${startedAt} was given up; what it had made is in ${fact(facts, 'folder')}.`)
}

async function planOf(directory: PkiDirectory, open: Journal, ports: AbandonPorts) {
  if (await apiHasTaken(directory, open, ports)) throw taken(directory, open)
  const pending = await directory.staged()
  const { inPlace, keepsState } = await filesMadeBy(directory, open)
  const name = `${rfc3339(ports.clock()).replace(/[-:]/g, '')}-${open.command.replace(/\W+/g, '-')}`
  const folder = await directory.freeNameAside(name)
  const told: AbandonWorkResult = {
    directory: directory.path,
    command: open.command,
    startedAt: open.startedAt,
    folder: `${directory.path}/.fpki/abandoned/${folder}`,
    files: [...inPlace, ...pending],
    inToken: [...leftInToken(open)],
    inApi: [...leftInApi(open)],
  }
  const names = { inPlace: inPlace.join('/'), pending: pending.join('/'), hasState: String(keepsState) }
  const facts = { ...names, ...broughtAlong(open), folder, journal: JSON.stringify(open), told: JSON.stringify(told) }
  return { told, facts, arguments: { of: open.command, startedAt: open.startedAt } }
}

function nothingOpen(directory: string): AbandonWorkResult {
  return { directory, command: null, startedAt: null, folder: null, files: [], inToken: [], inApi: [] }
}

function taken({ path }: PkiDirectory, { command, startedAt }: Journal): FpkiError {
  return new FpkiError(
    'ERR_UNFINISHED',
    `The Factory API has taken what the \`${command}\` of ${startedAt} in ${path} has made; it cannot be given up.`,
    `Nothing was changed. Finish it with \`fpki ca resume ${shellWord(path)}\`.`,
  )
}

function changedMeanwhile(path: string): FpkiError {
  const hint = `Nothing was changed. Look again with \`fpki ca verify ${shellWord(path)}\`.`
  return new FpkiError('ERR_NOT_CONFIRMED', `What is open in ${path} has changed since the question was asked.`, hint)
}
