import * as z from 'zod/mini'
import type { Snapshot } from '../../directory/history.js'
import { requirePkiDirectory } from '../../directory/require.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import type { DurableFiles } from '../../ports.js'
import { type CaFileOf, caFiles } from './ca-file.js'
import { fileChanges } from './file-changes.js'
import { recordChanges } from './record-changes.js'

/** A snapshot. */
const snapshotFacts = z.strictObject({
  number: z.int(),
  /** When the command started. */
  time: z.string(),
  command: z.string(),
  /** Its path, absolute. */
  folder: z.string(),
  /** The names of its files. */
  files: z.array(z.string()),
  /** What differs from the snapshot before, for people: `replaced: tls-crt`. Empty for the first one. */
  changes: z.array(z.string()),
})

/** What `fpki ca history --json` prints. */
export const showHistoryResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** Oldest first. */
  snapshots: z.array(snapshotFacts),
})

/** See {@link showHistoryResult}. */
export type ShowHistoryResult = z.infer<typeof showHistoryResult>

/** The snapshots of a PKI directory. Nothing is changed. Throws ERR_NOT_A_DIRECTORY or ERR_STORAGE. */
export async function showHistory(
  { directory: path }: { readonly directory: string },
  { files }: { readonly files: DurableFiles },
): Promise<ShowHistoryResult> {
  const directory = await requirePkiDirectory(files, path)
  const snapshots = await directory.snapshots()
  const facts = snapshots.map(async (snapshot, at) => {
    const { number, time, command, folder, files: listed } = snapshot
    const names = listed.map(({ name }) => name)
    const fileOf = caFiles(names, (name) => directory.readInSnapshot(folder, name))
    const changes = await changesBetween(snapshots[at - 1], snapshot, fileOf)
    return { number, time, command, folder: `${path}/.fpki/history/${folder}`, files: names, changes: [...changes] }
  })
  return { directory: path, snapshots: await Promise.all(facts) }
}

async function changesBetween(
  before: Snapshot | undefined,
  after: Snapshot,
  fileOf: CaFileOf,
): Promise<readonly string[]> {
  if (before === undefined) return []
  const files = fileChanges(before.files, after.files).map(({ what, name }) => `${what}: ${name}`)
  return [...files, ...(await recordChanges(before.state, after.state, fileOf))]
}

/** The snapshot with a number. Throws ERR_USAGE when `word` is not the number of a snapshot. */
export function snapshotOf(snapshots: readonly Snapshot[], word: string): Snapshot {
  const snapshot = /^\d{1,9}$/.test(word) ? snapshots.find(({ number }) => number === Number(word)) : undefined
  if (snapshot !== undefined) return snapshot
  const numbers = snapshots.map(({ number }) => number).join(', ')
  throw new FpkiError(
    'ERR_USAGE',
    `No such snapshot: ${JSON.stringify(word)}.`,
    numbers === ''
      ? 'There are no snapshots yet; the next change creates one.'
      : `Existing snapshots: ${numbers}. \`now\` is the current state.`,
  )
}
