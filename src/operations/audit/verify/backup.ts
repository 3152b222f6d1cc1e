import { describeProof, statusOfBackup } from '../../backup/age.js'
import type { AuditContext } from './context.js'
import { type Finding, failed } from './finding.js'

/** A backup exists, and the PKI has not changed since. */
export function checkBackupRecord({ directory, now }: AuditContext): readonly Finding[] {
  const backup = statusOfBackup(directory, now)
  // A kit can be exported again, and its devices are imported where it is from.
  if (backup === null && directory.kit !== null) return []
  if (backup === null) return [failed('backup.none', null, `No backup of ${directory.path} is recorded.`)]
  if (!backup.outdated) return []
  return [failed('backup.outdated', null, `The PKI has changed since its newest backup of ${backup.madeAt}.`)]
}

/** The newest backup, for the message when the checks pass. */
export function describeBackup({ directory, now }: AuditContext): string | null {
  const backup = statusOfBackup(directory, now)
  if (backup === null) return null
  const check = describeProof(backup, (time) => `on ${time}`)
  return `The newest backup is ${backup.file}, made on ${backup.madeAt}, ${check}.`
}
