import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A journal as a test looks at it: any member may be anything. */
export interface FoldedJournal {
  readonly version: unknown
  readonly command: string
  readonly options: Readonly<Record<string, unknown>>
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly steps: readonly { readonly name: string; readonly state: string }[]
  readonly facts: Readonly<Record<string, unknown>>
  readonly [member: string]: unknown
}

/** The path of the journal in a PKI directory. */
export function journalPath(directory: string): string {
  return join(directory, '.fpki', 'journal.jsonl')
}

/** The journal that the lines of its file tell, by another reckoning than fpki's. A last line that was cut off is left out. */
export function foldJournal(text: string): FoldedJournal {
  const [first = '', ...lines] = text.split('\n').slice(0, -1)
  const journal = JSON.parse(first)
  for (const line of lines) {
    let change: Record<string, unknown>
    try {
      change = JSON.parse(line)
    } catch {
      break
    }
    for (const state of ['done', 'started', 'pending'])
      for (const step of journal.steps) if (step.name === change[state]) step.state = state
    if ('facts' in change) journal.facts[String(change['done'])] = change['facts']
    if ('started' in change) journal.finishedAt = null
    if ('finishedAt' in change) journal.finishedAt = change['finishedAt']
  }
  return journal
}

/** The journal of a PKI directory. */
export async function readJournal(directory: string): Promise<FoldedJournal> {
  return foldJournal(await readFile(journalPath(directory), 'utf8'))
}

/** Writes another journal into its file, in one line. */
export async function editJournal(directory: string, edit: (journal: FoldedJournal) => unknown): Promise<void> {
  await writeFile(journalPath(directory), `${JSON.stringify(edit(await readJournal(directory)))}\n`, { mode: 0o600 })
}

/** A journal as that of a command that was cut off in a step. */
export function cutOffIn(journal: FoldedJournal, step: string): FoldedJournal {
  const at = journal.steps.findIndex(({ name }) => name === step)
  const state = (index: number) => (index < at ? 'done' : index === at ? 'started' : 'pending')
  const steps = journal.steps.map(({ name }, index) => ({ name, state: state(index) }))
  const done = steps.filter((one) => one.state === 'done').map(({ name }) => name)
  const facts = Object.fromEntries(Object.entries(journal.facts).filter(([name]) => done.includes(name)))
  return { ...journal, finishedAt: null, steps, facts }
}
