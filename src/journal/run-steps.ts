import type { PkiDirectory } from '../directory/pki-directory.js'
import type { Journal } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import { rfc3339 } from '../pki/describe.js'
import type { Clock, Progress } from '../ports.js'

/** What the steps of a command have learnt so far; it is in the journal before the next step begins. */
export type Facts = Readonly<Record<string, string>>

/** A fact that an earlier step must have learnt. Throws ERR_BAD_FILE when the journal does not have it. */
export function fact(facts: Facts, name: string): string {
  const value = facts[name]
  if (value !== undefined) return value
  throw new FpkiError('ERR_BAD_FILE', `The journal lacks ${name}.`, 'Put journal.json back as fpki wrote it.')
}

/** One step of a command. Done twice, it has the same end as done once. */
export interface Step<Work> {
  readonly name: string
  /** For the person who waits. */
  readonly says: string
  /**
   * @param facts what earlier steps have learnt
   * @param interrupted an earlier run began this step, and what it made may be there
   * @returns what later steps need to know
   */
  run(work: Work, facts: Facts, interrupted: boolean): Promise<Facts | undefined>
}

/** What the running of steps needs from outside. */
export interface StepRunner {
  readonly directory: PkiDirectory
  readonly clock: Clock
  readonly progress: Progress
  /** Aborted: stop before the next step. Its reason is thrown. */
  readonly signal: AbortSignal
}

/** The journal of a command that begins now. */
export function newJournal(command: string, args: Facts, steps: readonly { name: string }[], now: Date): Journal {
  return {
    version: 1,
    command,
    arguments: args,
    startedAt: rfc3339(now),
    finishedAt: null,
    steps: steps.map(({ name }) => ({ name, state: 'pending' })),
    facts: {},
  }
}

/**
 * Runs the steps of `journal` that are not done, in their order. Before a step the journal says that it has started
 * and that the one before it is done, durably; so a run that is cut off anywhere goes on from there when it is begun
 * again.
 */
export async function runSteps<Work>(
  steps: readonly Step<Work>[],
  work: Work,
  journal: Journal,
  { directory, clock, progress, signal }: StepRunner,
): Promise<Facts> {
  let current = journal
  for (const [index, { name, state }] of journal.steps.entries()) {
    if (state === 'done') continue
    const step = steps.find((candidate) => candidate.name === name)
    if (step === undefined) throw unknownStep(name)
    signal.throwIfAborted()
    current = withStep(current, index, 'started')
    await directory.writeJournal(current)
    progress.step(step.says)
    const interrupted = state === 'started'
    const learnt = await step.run(work, current.facts, interrupted).catch(async (error: unknown) => {
      // What is there was not made by this step: the next run must not take it for its own.
      const foreign = !interrupted && error instanceof FpkiError && error.code === 'ERR_EXISTS'
      if (foreign) await directory.writeJournal(withStep(current, index, 'pending'))
      throw error
    })
    current = { ...withStep(current, index, 'done'), facts: { ...current.facts, ...learnt } }
  }
  await directory.writeJournal({ ...current, finishedAt: rfc3339(clock()) })
  return current.facts
}

function withStep(journal: Journal, index: number, state: 'pending' | 'started' | 'done'): Journal {
  return { ...journal, steps: journal.steps.map((step, at) => (at === index ? { ...step, state } : step)) }
}

function unknownStep(name: string): FpkiError {
  return new FpkiError(
    'ERR_UNFINISHED',
    `The journal has a step that this fpki does not know, ${name}.`,
    'Another version of fpki began this work; finish it with that version.',
  )
}
