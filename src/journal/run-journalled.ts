import type { FactsOf, Journal, JournalledCommand, JournalOf, OptionsOf } from '../directory/journal-record.js'
import { rfc3339 } from '../pki/describe.js'
import type { Clock } from '../ports.js'
import { type KeepWork, keepRecords } from './keep-records.js'
import { resumable } from './resumable.js'
import { runSteps, type StepRunner } from './run-steps.js'
import type { AllSteps } from './steps.js'

/** What a command adds to the engine: what its steps work with, what it checks, and how it is rolled back. */
export interface Scope<Command extends JournalledCommand, Work> extends StepRunner {
  readonly clock: Clock
  /**
   * The interrupted run to resume, or a finished one with steps to run again; null: a new one begins. Throws when neither is
   * allowed. Absent: {@link resumable}.
   */
  find?(): Promise<JournalOf<Command> | null>
  /** What the steps work with. Everything that was checked before the lock is checked again here. */
  work(open: JournalOf<Command> | null): Promise<Work>
  /** Writes state.json before a new run begins, and when a power loss has kept the journal but not the state beside it. */
  remember?(work: Work): Promise<void>
  /** Before a new run begins. Resolves to members of its journal. */
  begin?(work: Work): Promise<Partial<JournalOf<Command>> | undefined>
  /** What sealing the audit log and taking the snapshot need, at the end; null: do neither. */
  keep(work: Work): KeepWork | null
  /** After a step has failed; absent: the journal stays open. */
  readonly rollBack?: {
    /** Whether it is certain that nothing has left the directory, so that the new files can be removed. */
    isSafe(error: unknown, work: Work, resumed: boolean): Promise<boolean>
    /** Removes the new files. The earlier journal is already restored. */
    undo?(work: Work): Promise<void>
  }
}

/** How a command ended. */
export interface Run<Command extends JournalledCommand, Work> {
  readonly work: Work
  readonly facts: FactsOf<Command>
  /** An interrupted run was finished. */
  readonly resumed: boolean
}

/**
 * Runs a command that changes a PKI directory so that it can be interrupted anywhere: locks the directory, looks for an interrupted
 * run of the same command, runs the steps that are still to do, and keeps the records. When a step fails, the directory is
 * rolled back where the command can tell that this is safe; else the journal stays open, and the same command resumes it.
 *
 * @param options what the journal records of the command's options
 * @throws FpkiError ERR_LOCKED; ERR_UNFINISHED when another command is open; ERR_BAD_FILE when the journal is broken;
 *   ERR_STORAGE, and what the scope and the steps throw
 */
export async function runJournalled<Command extends JournalledCommand, Work>(
  command: Command,
  options: OptionsOf<Command>,
  steps: AllSteps<Work, Command>,
  scope: Scope<Command, Work>,
): Promise<Run<Command, Work>> {
  const { directory, clock, progress, rollBack } = scope
  const lock = await directory.lock()
  try {
    const open = await (scope.find?.() ?? resumable(directory, command, options))
    const resumed = open !== null
    const work = await scope.work(open)
    if (resumed) {
      // Files that the interrupted run created are not created again, so nothing else would sync them.
      await directory.syncAgain()
      progress.note(`Resuming the \`${command}\` started at ${open.startedAt}.`)
    }
    await writeMissingState(scope, work, resumed)
    const members = resumed ? undefined : await scope.begin?.(work)
    const earlier = resumed ? null : await directory.readJournalText()
    const started = open ?? { ...newJournal(command, options, steps.list, clock()), ...members }
    const journal: Journal = { ...started, finishedAt: null }
    const inFile = open !== null && open.finishedAt === null
    try {
      const { facts, last } = await runSteps(steps.list, work, { journal, resumed, inFile }, scope)
      const records = scope.keep(work)
      if (records !== null) await keepRecords(records, journal, progress)
      await directory.files.flush()
      await directory.changeJournal({ ...last, finishedAt: rfc3339(clock()) })
      return { work, facts: facts as FactsOf<Command>, resumed }
    } catch (error) {
      if (await rollBack?.isSafe(error, work, resumed)) {
        // The journal is restored first: without it, the new files are leftovers. The first error is the one to report.
        const undone = directory.restoreJournal(earlier).then(() => rollBack?.undo?.(work))
        await undone.then(() => directory.files.flush()).catch(() => undefined)
      }
      throw error
    }
  } finally {
    await lock.release()
  }
}

async function writeMissingState<Command extends JournalledCommand, Work>(
  { remember, directory }: Scope<Command, Work>,
  work: Work,
  resumed: boolean,
): Promise<void> {
  if (remember === undefined) return
  if (!resumed || (await directory.readState()) === null) await remember(work)
}

/** The journal of a new command: its first step is started. */
function newJournal<Command extends JournalledCommand>(
  command: Command,
  options: OptionsOf<Command>,
  steps: readonly { readonly name: string }[],
  now: Date,
): JournalOf<Command> {
  const journal = {
    version: 1,
    command,
    options,
    startedAt: rfc3339(now),
    finishedAt: null,
    steps: steps.map(({ name }, at) => ({ name, state: at === 0 ? 'started' : 'pending' })),
    facts: {},
  }
  return journal as unknown as JournalOf<Command>
}
