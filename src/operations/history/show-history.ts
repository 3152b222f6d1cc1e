import * as z from 'zod/mini'
import type { Snapshot } from '../../directory/history.js'
import { existing } from '../../directory/require.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import type { DurableFiles } from '../../ports.js'

/** A snapshot, in words and values. */
const snapshotFacts = z.strictObject({
  number: z.int(),
  /** When the command began. */
  time: z.string(),
  command: z.string(),
  /** Where it is, absolute. */
  folder: z.string(),
  /** The names of the files in it. */
  files: z.array(z.string()),
})

/** What `fpki ca history --json` prints. */
export const showHistoryResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** The oldest first. */
  snapshots: z.array(snapshotFacts),
})

/** See {@link showHistoryResult}. */
export type ShowHistoryResult = z.infer<typeof showHistoryResult>

/** The snapshots of a PKI directory. Nothing is changed. Throws ERR_NOT_A_DIRECTORY or ERR_STORAGE. */
export async function showHistory(
  { directory: path }: { readonly directory: string },
  { files }: { readonly files: DurableFiles },
): Promise<ShowHistoryResult> {
  const snapshots = await (await existing(files, path)).snapshots()
  return {
    directory: path,
    snapshots: snapshots.map(({ number, time, command, folder, files: listed }) => {
      return { number, time, command, folder: `${path}/.fpki/history/${folder}`, files: listed.map(({ name }) => name) }
    }),
  }
}

/** The snapshot with a number. Throws ERR_USAGE when the word is no number, or there is none. */
export function snapshotOf(snapshots: readonly Snapshot[], word: string): Snapshot {
  const match = /^\d{1,9}$/.test(word) ? snapshots.find(({ number }) => number === Number(word)) : undefined
  if (match !== undefined) return match
  const numbers = snapshots.map(({ number }) => number).join(', ')
  throw new FpkiError(
    'ERR_USAGE',
    `There is no snapshot ${JSON.stringify(word)}.`,
    numbers === '' ? 'There is none yet; the next change makes one.' : `There are ${numbers}, and \`now\`.`,
  )
}
