import { FpkiError, isInterruption } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import type { BackupPkiResult, PreparedBackupTarget } from '../../../operations/backup/backup-pki.js'
import type { Passphrases } from '../../../ports.js'
import { shellWord } from '../../../shell-word.js'
import { filePath } from '../../directory.js'
import { type Io, printText, progressOn } from '../../output.js'
import { passphrasesOf } from '../../passphrase.js'
import type { CreateFlags } from './create-flags.js'

/** The backup of `ca create`. */
export interface BackupPlan {
  /** Checks `--backup` before anything is created; null without the option. */
  prepare(): Promise<PreparedBackupTarget | null>
  make(target: PreparedBackupTarget, stateDirectory: string | null): Promise<BackupPkiResult>
  /** Without `--backup`: offers a backup on a terminal, else prints a note. */
  offer(stateDirectory: string | null): Promise<void>
}

/** `keyPassphrases` is the source of the key passphrase, which the backup shares with encrypted keys. */
export function backupPlan(
  directory: string,
  flags: CreateFlags,
  io: Io,
  keyPassphrases: Passphrases | undefined,
): BackupPlan {
  const machine = thisMachine(io.machine)
  const progress = progressOn(io, flags)
  const prepare = async (file: string) => {
    const { prepareBackupTarget } = await operations()
    const own = passphrasesOf(flags, io, progress, 'backup')
    const passphrases = flags.encryptKeys === true ? (keyPassphrases ?? own) : own
    const target = { out: filePath(file, io), recipients: [], withPassphrase: true }
    return prepareBackupTarget({ ...target, directory }, { ...machine, passphrases })
  }
  const make = async (target: PreparedBackupTarget, stateDirectory: string | null) => {
    const { backupPki } = await operations()
    try {
      return await backupPki(
        { directory, factory: null, stateDirectory, target },
        { ...machine, progress, signal: io.signal },
      )
    } catch (error) {
      progress.warn(
        `The PKI in ${directory} is complete, but its backup failed. To back it up: \`fpki ca backup ${shellWord(directory)} --out FILE\``,
      )
      throw error
    }
  }
  return {
    prepare: async () => (flags.backup === undefined ? null : prepare(flags.backup)),
    make,
    offer: async (stateDirectory) => {
      const target = flags.json || flags.quiet ? null : await askForTarget(prepare, io, progress.warn)
      if (target === null) {
        return progress.note(
          `There is no backup yet. To write one: \`fpki ca backup ${shellWord(directory)} --out FILE\``,
        )
      }
      const { summary } = await import('./backup.js')
      printText(io, summary(await make(target, stateDirectory), io))
    },
  }
}

/**
 * Asks whether and where to write a backup, until the file is usable. Null if the user declines or presses Ctrl-C: the PKI
 * is complete without a backup.
 */
async function askForTarget(
  prepare: (file: string) => Promise<PreparedBackupTarget>,
  { ask }: Io,
  warn: (text: string) => void,
): Promise<PreparedBackupTarget | null> {
  if (ask === null) return null
  try {
    const answer = await ask('Write an encrypted backup now? [y/N] ')
    if (!/^y(es)?$/i.test(answer.trim())) return null
    for (;;) {
      const file = (await ask('Backup file, preferably on another disk (empty to skip): ')).trim()
      if (file === '') return null
      const target = await prepare(file).catch(unlessInterrupted)
      if (!(target instanceof FpkiError)) return target
      warn(`${target.message} ${target.hint}`)
    }
  } catch (error) {
    if (isInterruption(error)) return null
    throw error
  }
}

/** Returns an error that another answer can fix; throws any other. */
function unlessInterrupted(error: unknown): FpkiError {
  if (error instanceof FpkiError && !isInterruption(error)) return error
  throw error
}

function operations() {
  return import('../../../operations/backup/backup-pki.js')
}
