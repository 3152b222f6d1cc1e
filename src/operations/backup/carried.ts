import type * as z from 'zod/mini'
import { OWN_FILES, OWN_FOLDER } from '../../directory/names.js'
import { directoryState, type Journal, journal, type KeyRef } from '../../directory/records.js'
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
  const marked = new Map<string, unknown>([
    ...(state === null || modulesIn(state).length === 0 ? [] : [[STATE, state] as const]),
    ...(open === null ? [] : [[JOURNAL, open] as const]),
  ])
  return pki.map((entry) => {
    const record = marked.get(entry.path)
    if (typeof record !== 'object') return entry
    return { ...entry, content: Buffer.from(`${JSON.stringify({ ...record, restored: true }, null, 2)}\n`) }
  })
}

/** What the records ask for and do not get: a sentence each. */
export function askedFor(pki: readonly ArchiveEntry[]): readonly string[] {
  const [state, open] = [stateIn(pki), openJournalIn(pki)]
  const inJournal = open?.arguments['--hsm-module']
  const modules = [...(state === null ? [] : modulesIn(state)), ...(inJournal ? [JSON.stringify(inJournal)] : [])]
  const api = open?.arguments['--api'] ?? open?.facts['api']
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
  const found = recordIn(pki, JOURNAL, journal)
  return found?.finishedAt === null ? found : null
}

/** One that is broken is refused by every command that would act on it. */
function recordIn<T>(pki: readonly ArchiveEntry[], path: string, schema: z.ZodMiniType<T>): T | null {
  const content = pki.find((entry) => entry.path === path)?.content
  const parsed = content === undefined ? null : schema.safeParse(parseJson(Buffer.from(content).toString()))
  return parsed?.success ? parsed.data : null
}
