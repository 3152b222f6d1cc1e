import * as z from 'zod/mini'
import { openAuditLog } from '../../audit-log/audit-log.js'
import { ABANDON } from '../../directory/commands.js'
import type { AbandonableJournal, Journal, OptionsOf } from '../../directory/journal-record.js'
import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import type { FactoryApi } from '../../factory/api.js'
import { runJournalled } from '../../journal/run-journalled.js'
import { steps } from '../../journal/steps.js'
import { jsonDocument } from '../../json-document.js'
import { rfc3339 } from '../../pki/describe.js'
import type { Clock, DurableFiles, Progress, Who } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { PUBLISH } from '../root-change/certify-root.js'
import { apiHasAccepted, leftInApi } from './abandon-api.js'
import { filesCreatedBy, leftInToken } from './abandon-files.js'

/** What `fpki ca abandon --json` prints. */
export const abandonWorkResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** The discarded command; null: there was none. */
  command: z.nullable(z.string()),
  startedAt: z.nullable(z.string()),
  /** Where the files that it created are now, absolute; null: it created none. */
  folder: z.nullable(z.string()),
  /** The names of these files. */
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
  /** The Factory API that the command used; called only if it used one. */
  api(): Promise<FactoryApi>
  /** Asks the user; throws ERR_NOT_CONFIRMED when that is denied. */
  confirm(plan: AbandonWorkResult): Promise<void>
}

/** The journal records the whole plan before any file is moved. */
type Plan = OptionsOf<typeof ABANDON>

interface Work {
  readonly directory: PkiDirectory
  readonly clock: Clock
  readonly who: () => Who
  readonly plan: Plan
}

const STEPS = steps<Work, typeof ABANDON>()
  .step({ name: 'putAside', says: 'Moving its files aside', run: putAside })
  .step({ name: 'auditLog', says: 'Writing the audit log', run: logIt })

/**
 * Discards the interrupted command of a PKI directory. No key is deleted: the files that it created are moved to a separate folder.
 *
 * @throws FpkiError ERR_UNFINISHED when the Factory API has accepted the work; ERR_API when it may have, and does not answer;
 *   ERR_NOT_CONFIRMED, ERR_LOCKED, ERR_NOT_A_DIRECTORY, ERR_BAD_FILE, ERR_STORAGE
 */
export async function abandonWork(
  { directory: path }: { readonly directory: string },
  ports: AbandonPorts,
): Promise<AbandonWorkResult> {
  checkAbsolute(path, 'PKI directory')
  const directory = pkiDirectory(ports.files.deferring(), path)
  if ((await directory.check()) === 'missing') {
    throw new FpkiError('ERR_NOT_A_DIRECTORY', `${path} does not exist.`, 'Pass a PKI directory.')
  }
  const open = await directory.readJournal()
  if (open === null || open.finishedAt !== null) return nothingOpen(path)
  const plan = open.command === ABANDON ? open.options : await planOf(directory, open, ports)
  if (open.command !== ABANDON) await ports.confirm(reportOf(directory, plan))
  const { work } = await runJournalled(ABANDON, plan, STEPS, {
    ...ports,
    directory,
    find: async () => {
      const current = await sameJournal(directory, open)
      return current.command === ABANDON ? current : null
    },
    work: async (resumed) => {
      if (resumed !== null) return { ...ports, directory, plan: resumed.options }
      // While the user was asked, the Factory API may have accepted the work.
      return { ...ports, directory, plan: await planOf(directory, plan.journal, ports) }
    },
    begin: async (work) => ({ options: work.plan }),
    keep: () => null,
  })
  return reportOf(directory, work.plan)
}

/** The open journal, under the lock. Throws ERR_NOT_CONFIRMED when it is not the one that the user confirmed. */
async function sameJournal(directory: PkiDirectory, { startedAt, command }: Journal): Promise<Journal> {
  const current = await directory.readJournal()
  if (current?.startedAt === startedAt && current.command === command) return current
  const hint = `Nothing was changed. Check it with \`fpki ca verify ${shellWord(directory.path)}\`.`
  throw new FpkiError(
    'ERR_NOT_CONFIRMED',
    `The interrupted command in ${directory.path} has changed since the confirmation.`,
    hint,
  )
}

async function putAside({ directory, plan }: Work): Promise<void> {
  const { folder, inPlace, pending, keepsState, journal } = plan
  await directory.putAside(folder, 'directory', inPlace)
  await directory.putAside(folder, 'pending', pending)
  if (!keepsState) await directory.forgetState(folder)
  await directory.putJournalAside(folder, journal)
}

async function logIt({ directory, clock, who, plan }: Work): Promise<void> {
  const { command, startedAt } = plan.journal
  const auditLog = openAuditLog(directory, ABANDON, { clock, who })
  await auditLog.logEvent(`Discarded the interrupted \`${command}\` of ${startedAt}; its files are in ${plan.folder}.`)
}

async function planOf(directory: PkiDirectory, journal: AbandonableJournal, ports: AbandonPorts): Promise<Plan> {
  if (isInPlace(journal)) throw taken(directory, journal, 'its certificate is in use')
  if (await apiHasAccepted(directory, journal, ports))
    throw taken(directory, journal, 'the Factory API has accepted its changes')
  const pending = [...(await directory.staged())]
  const { inPlace, keepsState } = await filesCreatedBy(directory, journal)
  const name = `${rfc3339(ports.clock()).replace(/[-:]/g, '')}-${journal.command.replace(/\W+/g, '-')}`
  return { journal, folder: await directory.freeNameAside(name), inPlace: [...inPlace], pending, keepsState }
}

function reportOf(directory: PkiDirectory, { journal, folder, inPlace, pending }: Plan): AbandonWorkResult {
  return {
    directory: directory.path,
    command: journal.command,
    startedAt: journal.startedAt,
    folder: `${directory.path}/.fpki/abandoned/${folder}`,
    files: [...inPlace, ...pending],
    inToken: [...leftInToken(journal)],
    inApi: [...leftInApi(journal)],
  }
}

function nothingOpen(directory: string): AbandonWorkResult {
  return { directory, command: null, startedAt: null, folder: null, files: [], inToken: [], inApi: [] }
}

/** Whether a command that uses no Factory API may have written its certificate to its place. */
function isInPlace({ steps }: AbandonableJournal): boolean {
  return (
    !steps.some(({ name }) => name === 'upload') &&
    steps.some(({ name, state }) => name === PUBLISH && state !== 'pending')
  )
}

function taken({ path }: PkiDirectory, { command, startedAt }: Journal, reason: string): FpkiError {
  return new FpkiError(
    'ERR_UNFINISHED',
    `Cannot abandon the \`${command}\` started at ${startedAt} in ${path}: ${reason}.`,
    `Nothing was changed. Finish it with \`fpki ca resume ${shellWord(path)}\`.`,
  )
}
