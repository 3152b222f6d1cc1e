import type { FactsOf, JournalledCommand } from '../directory/journal-record.js'

/** The steps of a command that record facts for later ones. */
type Learning<Command extends JournalledCommand> = keyof FactsOf<Command>

/** What a step learns: facts of the journal; of other steps, the answer is ignored. */
type LearntBy<Command extends JournalledCommand, Name> =
  Name extends Learning<Command> ? FactsOf<Command>[Name] : unknown

/** One step of a command. Run twice, it has the same outcome as run once. */
interface Step<Work, Command extends JournalledCommand, Known extends Learning<Command>, Name extends string = string> {
  readonly name: Name
  /** The progress message. */
  readonly says: string
  /**
   * @param facts the facts from earlier steps
   * @param interrupted an earlier run started this step, and may have left its results
   */
  run(work: Work, facts: Pick<FactsOf<Command>, Known>, interrupted: boolean): Promise<LearntBy<Command, Name>>
}

/** A step whose facts the journal has checked already. */
export interface RunnableStep<Work> {
  readonly name: string
  readonly says: string
  run(work: Work, facts: unknown, interrupted: boolean): Promise<unknown>
}

/** The steps of a command, in their order. A step sees the facts of the steps before it, and no others. */
export interface Steps<Work, Command extends JournalledCommand, Known extends Learning<Command> = never> {
  readonly list: readonly RunnableStep<Work>[]
  /** The same steps with a further one at the end. */
  step<Name extends string>(
    next: Step<Work, Command, Known, Name>,
  ): Steps<Work, Command, Known | Extract<Name, Learning<Command>>>
}

/** All steps of a command: together they record every fact of its journal. */
export type AllSteps<Work, Command extends JournalledCommand> = Pick<Steps<Work, Command, Learning<Command>>, 'list'>

/** No steps yet. */
export function steps<Work, Command extends JournalledCommand>(): Steps<Work, Command> {
  return stepsOf<Work, Command, never>([])
}

/** A step after all those that record facts: it sees every fact, and records none. */
export interface FinalStep<Work, Command extends JournalledCommand> {
  readonly name: string
  readonly says: string
  run(work: Work, facts: FactsOf<Command>, interrupted: boolean): Promise<void>
}

/** Steps that are complete, with further ones at the end. */
export function followedBy<Work, Command extends JournalledCommand>(
  { list }: AllSteps<Work, Command>,
  ...more: readonly FinalStep<Work, Command>[]
): AllSteps<Work, Command> {
  const runnable = more.map(({ name, says, run }): RunnableStep<Work> => {
    return { name, says, run: (work, facts, interrupted) => run(work, facts as FactsOf<Command>, interrupted) }
  })
  return { list: [...list, ...runnable] }
}

function stepsOf<Work, Command extends JournalledCommand, Known extends Learning<Command>>(
  list: readonly RunnableStep<Work>[],
): Steps<Work, Command, Known> {
  return {
    list,
    step: ({ name, says, run }) =>
      stepsOf([
        ...list,
        {
          name,
          says,
          run: (work, facts, interrupted) => run(work, facts as Pick<FactsOf<Command>, Known>, interrupted),
        },
      ]),
  }
}
