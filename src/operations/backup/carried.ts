import type * as z from 'zod/mini'
import { journalText, readJournalText } from '../../directory/journal-file.js'
import type { Journal } from '../../directory/journal-record.js'
import { OWN_FILES, OWN_FOLDER } from '../../directory/names.js'
import { directoryState, type KeyRef } from '../../directory/records.js'
import type { ArchiveEntry } from '../../storage/archive.js'
import { parseJson } from '../../storage/json-file.js'

/**
 * A backup proves no sender: one for a certificate can be made by everybody who has that certificate. So what its records name and fpki
 * would act on is marked, shown, and has to be named again.
 */

const STATE = `${OWN_FOLDER}/${OWN_FILES.state}`
const JOURNAL = `${OWN_FOLDER}/${OWN_FILES.journal}`

/** The entries of a PKI directory with such records marked. A record that names neither module nor server stays octet by octet. */
export function markRestored(pki: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const [state, open] = [stateIn(pki), openJournalIn(pki)]
  const marked = new Map<string, string>([
    ...(state === null || modulesIn(state).length === 0
      ? []
      : [[STATE, `${JSON.stringify({ ...state, restored: true }, null, 2)}\n`] as const]),
    ...(open === null ? [] : [[JOURNAL, journalText({ ...open, restored: true })] as const]),
  ])
  return pki.map((entry) => {
    const text = marked.get(entry.path)
    return text === undefined ? entry : { ...entry, content: Buffer.from(text) }
  })
}

/** What the records ask for and do not get: a sentence each. */
export function askedFor(pki: readonly ArchiveEntry[]): readonly string[] {
  const [state, open] = [stateIn(pki), openJournalIn(pki)]
  const { api, hsm } = { api: undefined, hsm: undefined, ...open?.options }
  const inJournal = hsm?.module
  const modules = [...(state === null ? [] : modulesIn(state)), ...(inJournal ? [JSON.stringify(inJournal)] : [])]
  return [
    ...[...new Set(modules)].map(
      (module) =>
        `The backup asks for the PKCS#11 module ${module}. A backup does not prove who made it, so fpki does not load it until you name it with --hsm-module.`,
    ),
    ...(api === undefined
      ? []
      : [
          `The interrupted command asks for the Factory API ${api}. \`ca resume\` uses the one that you name with --api.`,
        ]),
  ]
}

function modulesIn({ rootKey, localCaKey }: z.infer<typeof directoryState>): readonly string[] {
  return [rootKey, localCaKey].flatMap((key: KeyRef | undefined) => {
    if (key?.kind !== 'pkcs11') return []
    const initArgs = key.initArgs === undefined ? '' : ` with the arguments ${JSON.stringify(key.initArgs)}`
    return [`${JSON.stringify(key.module)}${initArgs} (token ${JSON.stringify(key.tokenLabel)})`]
  })
}

function stateIn(pki: readonly ArchiveEntry[]): z.infer<typeof directoryState> | null {
  return recordIn(pki, STATE, directoryState)
}

function openJournalIn(pki: readonly ArchiveEntry[]): Journal | null {
  const text = textIn(pki, JOURNAL)
  if (text === null) return null
  try {
    const journal = readJournalText(text, JOURNAL)
    return journal.finishedAt === null ? journal : null
  } catch {
    return null
  }
}

/** One that is broken is refused by every command that would act on it. */
function recordIn<T>(pki: readonly ArchiveEntry[], path: string, schema: z.ZodMiniType<T>): T | null {
  const text = textIn(pki, path)
  const parsed = text === null ? null : schema.safeParse(parseJson(text))
  return parsed?.success ? parsed.data : null
}

function textIn(pki: readonly ArchiveEntry[], path: string): string | null {
  const content = pki.find((entry) => entry.path === path)?.content
  return content === undefined ? null : Buffer.from(content).toString()
}
