import { proofInWords, statusOfBackup } from '../../backup/age.js'
import { type Finding, found } from './finding.js'
import type { Scene } from './scene.js'

/** Is there a backup, and of the PKI as it is? */
export function checkBackupRecord({ directory, now }: Scene): readonly Finding[] {
  const backup = statusOfBackup(directory, now)
  if (backup === null) return [found('backup.none', null, `No backup of ${directory.path} is known.`)]
  if (!backup.outdated) return []
  return [found('backup.outdated', null, `The PKI was changed since its newest backup, of ${backup.madeAt}.`)]
}

/** The newest backup, in words. */
export function backupInWords({ directory, now }: Scene): string | null {
  const backup = statusOfBackup(directory, now)
  if (backup === null) return null
  const proof = proofInWords(backup, (time) => `on ${time}`)
  return `The newest backup is of ${backup.madeAt}, ${proof}: ${backup.file}.`
}
