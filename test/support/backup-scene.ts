import { backupPki, prepareBackupTarget } from '../../src/operations/backup/backup-pki.js'
import { restorePki } from '../../src/operations/backup/restore-pki.js'
import { DIRECTORY, type Disturbance, machineOn, STATE } from './create-scene.js'
import type { MemoryDisk } from './memory-disk.js'

export const PASSPHRASE = 'nine lives of a fish'
const PASSPHRASES = { forExisting: async () => PASSPHRASE, forNew: async () => PASSPHRASE }
export const OPENER = { passphrases: PASSPHRASES, ofKeys: null, askAnother: null, recipientKey: null }

/** Where the backup of the scene goes, and where it is restored; beside the PKI directory, with a state of its own. */
export const BACKUP = '/home/maker/acme.backup'
export const RESTORED = '/home/maker/restored'
export const RESTORED_STATE = '/home/maker/restored-state'

/** Runs `ca backup` on a disk in memory. */
export async function backupOn(disk: MemoryDisk, disturbance: Disturbance = {}, out = BACKUP) {
  const machine = machineOn(disk, disturbance)
  const wanted = { out, recipients: [], withPassphrase: true }
  const target = await prepareBackupTarget(
    { ...wanted, directory: DIRECTORY },
    { ...machine, passphrases: PASSPHRASES },
  )
  const where = { directory: DIRECTORY, factory: null, stateDirectory: STATE }
  return backupPki({ ...where, target }, machine)
}

/** Runs `ca restore` on a disk in memory. */
export function restoreOn(disk: MemoryDisk, disturbance: Disturbance = {}, passphrases = PASSPHRASES) {
  const where = { file: BACKUP, directory: RESTORED, stateDirectory: RESTORED_STATE, skipRootKey: false }
  return restorePki(where, { ...machineOn(disk, disturbance), opener: { ...OPENER, passphrases } })
}
