import type * as z from 'zod/mini'
import { journalText, readJournalText } from '../../directory/journal-file.js'
import type { Journal } from '../../directory/journal-record.js'
import { OWN_FILES, OWN_FOLDER } from '../../directory/names.js'
import { directoryState, type KeyRef } from '../../directory/records.js'
import type { ArchiveEntry } from '../../storage/archive.js'
import { parseJson } from '../../storage/json-file.js'

/**
 * A backup does not authenticate its author: anyone with a recipient's certificate can make one. So a module or server named
 * in its records is marked and shown, and used only when the user names it again.
 */

const STATE = `${OWN_FOLDER}/${OWN_FILES.state}`
const JOURNAL = `${OWN_FOLDER}/${OWN_FILES.journal}`

/** The entries of a PKI directory, with such records marked. Records that name neither module nor server are unchanged. */
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

/** A warning for each module and Factory API that the records name, and that fpki does not use. */
export function untrustedReferences(pki: readonly ArchiveEntry[]): readonly string[] {
  const [state, open] = [stateIn(pki), openJournalIn(pki)]
  const { api, hsm } = { api: undefined, hsm: undefined, ...open?.options }
  const inJournal = hsm?.module
  const modules = [...(state === null ? [] : modulesIn(state)), ...(inJournal ? [JSON.stringify(inJournal)] : [])]
  return [
    ...[...new Set(modules)].map(
      (module) =>
        `The backup names the PKCS#11 module ${module}. A backup does not prove who made it: to load the module, pass --hsm-module.`,
    ),
    ...(api === undefined
      ? []
      : [
          `The interrupted command in the backup used the Factory API ${api}. \`ca resume\` uses only the one passed with --api.`,
        ]),
  ]
}

function modulesIn({ rootKey, localCaKey }: z.infer<typeof directoryState>): readonly string[] {
  return [rootKey, localCaKey].flatMap((key: KeyRef | undefined) => {
    if (key?.kind !== 'pkcs11') return []
    const initArgs =
      key.initArgs === undefined ? '' : ` with the initialisation arguments ${JSON.stringify(key.initArgs)}`
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

/** null for a broken record: every command that would act on it refuses it. */
function recordIn<T>(pki: readonly ArchiveEntry[], path: string, schema: z.ZodMiniType<T>): T | null {
  const text = textIn(pki, path)
  const parsed = text === null ? null : schema.safeParse(parseJson(text))
  return parsed?.success ? parsed.data : null
}

function textIn(pki: readonly ArchiveEntry[], path: string): string | null {
  const content = pki.find((entry) => entry.path === path)?.content
  return content === undefined ? null : Buffer.from(content).toString()
}
