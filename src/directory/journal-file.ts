import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { badJson, isRecord, parseJson } from '../storage/json-file.js'
import { type JournalChange, journalChange, LEARNING_STEPS } from './journal-change.js'
import { type Journal, journal } from './journal-record.js'

/**
 * `.fpki/journal.jsonl`: a journal as JSON in its first line, then a line for each change to it. A new command replaces the
 * file; a step boundary appends one line with one fdatasync. A truncated last line is ignored: what it would have
 * recorded had not happened yet.
 */
export interface JournalFile {
  /** null: no command has changed the directory yet. Throws ERR_BAD_FILE. */
  readJournal(): Promise<Journal | null>
  /** The file as it is, to restore it. */
  readJournalText(): Promise<string | null>
  /** Replaces the journal with that of another command, durably. */
  beginJournal(content: Journal): Promise<void>
  /** Records a change; resolves when it is durable. */
  changeJournal(change: JournalChange): Promise<void>
  /** Restores an earlier file, or removes the present one if there was none. */
  restoreJournal(earlier: string | null): Promise<void>
}

const MODE = 0o600
const MAX_BYTES = 8 * 1024 * 1024
const MAX_LINES = 1000

/** The journal in the file at `path`. */
export function journalFile(files: DurableFiles, path: string): JournalFile {
  const readText = () => files.read(path, MAX_BYTES)
  const replace = async (text: string) => {
    await files.replace(path, text, MODE)
    await files.flush()
  }
  return {
    readJournal: () => readJournalFile(files, path),
    readJournalText: readText,
    beginJournal: (content) => replace(journalText(content)),
    changeJournal: async (change) => {
      const text = (await readText()) ?? ''
      // Appended to a truncated line, the change would be lost with it.
      if (wholeLines(text).length !== text.length) await replace(wholeLines(text))
      await files.append(path, `${JSON.stringify(change)}\n`, MODE)
    },
    restoreJournal: async (earlier) => {
      if (earlier !== null) return replace(earlier)
      await files.remove(path)
      await files.flush()
    },
  }
}

/** The journal in a file; null: none. Throws ERR_BAD_FILE. */
export async function readJournalFile(files: DurableFiles, path: string): Promise<Journal | null> {
  const text = await files.read(path, MAX_BYTES)
  return text === null ? null : readJournalText(text, path)
}

/** A journal as the text of a file that has no changes yet. */
export function journalText(content: Journal): string {
  return `${JSON.stringify(content)}\n`
}

/** Parses the text of a journal file. Throws ERR_BAD_FILE, which names the member that is wrong. */
export function readJournalText(text: string, path: string): Journal {
  const [first = '', ...rest] = wholeLines(text).split('\n').slice(0, -1)
  if (rest.length > MAX_LINES) throw badJson(path, [])
  const changes = rest.map((line) => {
    const change = journalChange.safeParse(parseJson(line))
    return change.success ? change.data : badLine(path)
  })
  const parsed = journal.safeParse(changes.reduce(withChange, parseJson(first)))
  if (!parsed.success) throw badJson(path, parsed.error.issues[0]?.path ?? [])
  requireFacts(parsed.data, path)
  return parsed.data
}

/** The text up to the end of the last whole line: a truncated append has no end of line, or is not JSON. */
function wholeLines(text: string): string {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  const before = whole.lastIndexOf('\n', whole.length - 2) + 1
  const isTorn = before > 0 && whole.length === text.length && parseJson(whole.slice(before)) === undefined
  return isTorn ? whole.slice(0, before) : whole
}

/** A journal, which may be anything, after a change. */
function withChange(content: unknown, { done, facts, started, pending, finishedAt }: JournalChange): unknown {
  if (!isRecord(content) || !Array.isArray(content['steps'])) return content
  const states: Readonly<Record<string, string | undefined>> = { done, started, pending }
  const steps = content['steps'].map((step: unknown) => {
    const [state] = Object.keys(states).filter((name) => isRecord(step) && states[name] === step['name'])
    return state === undefined || !isRecord(step) ? step : { ...step, state }
  })
  const learnt = done === undefined || facts === undefined ? {} : { [done]: facts }
  const earlierFacts = isRecord(content['facts']) ? content['facts'] : {}
  const end = finishedAt ?? (started === undefined ? content['finishedAt'] : null)
  return { ...content, steps, facts: { ...earlierFacts, ...learnt }, finishedAt: end }
}

/** A later step reads the facts of an earlier one. Throws ERR_BAD_FILE when a step is done but its facts are missing. */
function requireFacts({ command, steps, facts }: Journal, path: string): void {
  const learnt = Object.keys(facts)
  const lacking = steps.find(
    ({ name, state }) => state === 'done' && LEARNING_STEPS[command].includes(name) && !learnt.includes(name),
  )
  if (lacking !== undefined) throw badJson(path, ['facts', lacking.name])
}

function badLine(path: string): never {
  throw new FpkiError(
    'ERR_BAD_FILE',
    `${path} is damaged: it contains a line that fpki did not write.`,
    'Nothing was changed. Restore the file from a backup.',
  )
}
