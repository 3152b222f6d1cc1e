import type { JournalChange } from '../directory/journal-change.js'
import type { Journal } from '../directory/journal-record.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { FpkiError } from '../errors.js'
import type { Progress } from '../ports.js'
import { isRecord } from '../storage/json-file.js'
import type { RunnableStep } from './steps.js'

/** What running steps needs from outside. */
export interface StepRunner {
  readonly directory: PkiDirectory
  readonly progress: Progress
  /** Aborted: stop before the next step. Its reason is thrown. */
  readonly signal: AbortSignal
}

/** The last step, as the journal is still to record it, and all facts. */
export interface RanSteps {
  readonly facts: Readonly<Record<string, unknown>>
  readonly last: JournalChange
}

/**
 * Runs the steps that `journal` does not have as done, in order. Before a step the journal records, durably, that it starts and
 * that the one before it is done, so that a run that is interrupted anywhere is resumed from there.
 *
 * @param run `resumed`: an earlier run may have left results of its steps; `inFile`: the journal file is that of this run
 */
export async function runSteps<Work>(
  steps: readonly RunnableStep<Work>[],
  work: Work,
  run: { readonly journal: Journal; readonly resumed: boolean; readonly inFile: boolean },
  { directory, progress, signal }: StepRunner,
): Promise<RanSteps> {
  const { journal, resumed } = run
  requireSameSteps(directory, steps, journal.steps)
  let facts: RanSteps['facts'] = journal.facts
  let last: JournalChange = {}
  let { inFile } = run
  for (const [at, step] of steps.entries()) {
    const state = journal.steps[at]?.state
    if (state === 'done') continue
    signal.throwIfAborted()
    if (!inFile) await directory.beginJournal(journal)
    else {
      // The results of the previous step are durable before the journal records that it is done.
      await directory.files.flush()
      await directory.changeJournal({ ...last, started: step.name })
    }
    inFile = true
    progress.step(step.says)
    const interrupted = resumed && state === 'started'
    const learnt = await step.run(work, facts, interrupted).catch(async (error: unknown) => {
      // What exists was not created by this step, so the next run must not treat it as its own.
      const isForeign = !interrupted && error instanceof FpkiError && error.code === 'ERR_EXISTS'
      if (isForeign) await directory.changeJournal({ pending: step.name })
      throw error
    })
    last = isRecord(learnt) ? { done: step.name, facts: learnt } : { done: step.name }
    if (isRecord(learnt)) facts = { ...facts, [step.name]: learnt }
  }
  await directory.files.flush()
  return { facts, last }
}

/** Throws ERR_UNFINISHED when the journal is of another version of fpki. */
function requireSameSteps(
  { path }: PkiDirectory,
  steps: readonly { readonly name: string }[],
  recorded: readonly { readonly name: string }[],
): void {
  const names = steps.map(({ name }) => name)
  if (recorded.map(({ name }) => name).join() === names.join()) return
  const unknown = recorded.filter(({ name }) => !names.includes(name)).map(({ name }) => JSON.stringify(name))
  throw new FpkiError(
    'ERR_UNFINISHED',
    `The steps in the journal of ${path} are not those of this version of fpki${unknown.length === 0 ? '' : `; unknown: ${unknown.join(', ')}`}.`,
    'Finish the command with the version of fpki that started it.',
  )
}
