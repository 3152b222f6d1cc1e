import * as z from 'zod/mini'
import type { InspectedDirectory } from '../../directory/inspect.js'
import { type RootKeyUnproven, rootKeyUnproven } from '../../directory/records.js'

/** What is known of the newest backup of a PKI directory. */
export const backupStatus = z.strictObject({
  madeAt: z.string(),
  /** When it was last proven; null: never. */
  provedAt: z.nullable(z.string()),
  /** Why that says nothing of the root key; null: it was proven with the rest, or nothing was. */
  rootKeyUnproven: z.nullable(rootKeyUnproven),
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
export function statusOfBackup({ backup, journal }: InspectedDirectory, now: Date): BackupStatus | null {
  if (backup === null) return null
  const { madeAt, provedAt, file } = backup
  const unproven = backup.rootKeyUnproven ?? null
  const daysOld = Math.floor((now.getTime() - Date.parse(madeAt)) / 86_400_000)
  // Backups are of whole seconds.
  const changedAt = Math.floor(Date.parse(journal?.finishedAt ?? '') / 1000)
  const outdated = changedAt > Date.parse(madeAt) / 1000
  return { madeAt, provedAt, rootKeyUnproven: unproven, file, daysOld, outdated }
}

const UNPROVEN: Readonly<Record<RootKeyUnproven, string>> = {
  'in-token': 'which is in a token',
  'not-held': 'which is not in it',
  'not-tried': 'whose passphrase was not tried',
}

/** How a backup was proven, in words; `format` shortens a time. */
export function proofInWords(
  { provedAt, rootKeyUnproven: why }: Pick<BackupStatus, 'provedAt' | 'rootKeyUnproven'>,
  format: (time: string) => string,
): string {
  if (provedAt === null) return 'never proven'
  return `proven ${format(provedAt)}${why === null ? '' : ` but for the root key, ${UNPROVEN[why]}`}`
}
