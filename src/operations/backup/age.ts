import * as z from 'zod/mini'
import { DAY } from '../../day.js'
import type { InspectedDirectory } from '../../directory/inspect.js'
import { type RootKeyUnproven, rootKeyUnproven } from '../../directory/records.js'

/** The newest backup recorded in a PKI directory. */
export const backupStatus = z.strictObject({
  madeAt: z.string(),
  /** When it was last checked; null: never. */
  provedAt: z.nullable(z.string()),
  /** Why the check did not cover the root key; null: it did, or there was no check. */
  rootKeyUnproven: z.nullable(rootKeyUnproven),
  /** Where it was written or last checked; absolute. */
  file: z.string(),
  /** Whole days. */
  daysOld: z.int(),
  /** The PKI has changed since. */
  outdated: z.boolean(),
})

/** See {@link backupStatus}. */
export type BackupStatus = z.infer<typeof backupStatus>

/** The state of the newest backup of a PKI directory; null: none is recorded. */
export function statusOfBackup({ backup, journal }: InspectedDirectory, now: Date): BackupStatus | null {
  if (backup === null) return null
  const { madeAt, provedAt, file } = backup
  const unproven = backup.rootKeyUnproven ?? null
  const daysOld = Math.floor((now.getTime() - Date.parse(madeAt)) / DAY)
  // `madeAt` has whole seconds only.
  // An interrupted command may have changed something.
  const changedAt = Math.floor(Date.parse(journal?.finishedAt ?? journal?.startedAt ?? '') / 1000)
  const outdated = changedAt > Date.parse(madeAt) / 1000
  return { madeAt, provedAt, rootKeyUnproven: unproven, file, daysOld, outdated }
}

const UNPROVEN: Readonly<Record<RootKeyUnproven, string>> = {
  'in-token': 'which is in a token',
  'not-held': 'which is not in the backup',
  'not-tried': 'whose passphrase was not tested',
}

/** When a backup was last checked, in words; `format` formats the time. */
export function describeProof(
  { provedAt, rootKeyUnproven: why }: Pick<BackupStatus, 'provedAt' | 'rootKeyUnproven'>,
  format: (time: string) => string,
): string {
  if (provedAt === null) return 'never checked'
  return `checked ${format(provedAt)}${why === null ? '' : `, except for the root key, ${UNPROVEN[why]}`}`
}
