import * as z from 'zod/mini'
import type { SeenDirectory } from '../../directory/inspect.js'

/** What is known of the newest backup of a PKI directory. */
export const backupStatus = z.strictObject({
  madeAt: z.string(),
  /** When it was last proven; null: never. */
  provedAt: z.nullable(z.string()),
  /** Where it was written, or seen last; absolute. */
  file: z.string(),
  /** Whole days. */
  daysOld: z.int(),
  /** The PKI was changed after it was made. */
  outdated: z.boolean(),
})

/** See {@link backupStatus}. */
export type BackupStatus = z.infer<typeof backupStatus>

/** How the newest backup of a PKI directory stands; null: none is known. */
export function statusOfBackup({ backup, journal }: SeenDirectory, now: Date): BackupStatus | null {
  if (backup === null) return null
  const { madeAt, provedAt, file } = backup
  const daysOld = Math.floor((now.getTime() - Date.parse(madeAt)) / 86_400_000)
  // Backups are of whole seconds.
  const changedAt = Math.floor(Date.parse(journal?.finishedAt ?? '') / 1000)
  return { madeAt, provedAt, file, daysOld, outdated: changedAt > Date.parse(madeAt) / 1000 }
}
