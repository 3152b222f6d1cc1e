import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import type { BackupPkiResult, PreparedBackupTarget } from '../../../operations/backup/backup-pki.js'
import type { Passphrases } from '../../../ports.js'
import { shellWord } from '../../../shell-word.js'
import { filePath } from '../../directory.js'
import { type Io, progressOn } from '../../output.js'
import { passphrasesOf } from '../../passphrase.js'
import type { CreateFlags } from './create-flags.js'

/** The backup that goes with `ca create`. */
export interface BackupPlan {
  /** Looks at `--backup` before anything is made; null: it was not given. */
  prepare(): Promise<PreparedBackupTarget | null>
  make(target: PreparedBackupTarget, stateDirectory: string | null): Promise<BackupPkiResult>
  /** Without `--backup`: asks for one on a terminal, and says elsewhere that there is none. */
  offer(stateDirectory: string | null): Promise<void>
}

/** `passphrases`: where those of the keys come from; there is one a command. Its code is loaded when a backup is made. */
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
    const wanted = { out: filePath(file, io), recipients: [], withPassphrase: true }
    return prepareBackupTarget({ ...wanted, directory }, { ...machine, passphrases })
  }
  const make = async (target: PreparedBackupTarget, stateDirectory: string | null) => {
    const { backupPki } = await operations()
    try {
      return await backupPki({ directory, factory: null, stateDirectory, target }, { ...machine, progress })
    } catch (error) {
      progress.warn(
        `the PKI in ${directory} is made; what failed is its backup. Make another with \`fpki ca backup ${shellWord(directory)} --out FILE\`.`,
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
        return progress.note(`there is no backup yet: \`fpki ca backup ${shellWord(directory)} --out FILE\`.`)
      }
      const { summary } = await import('./backup.js')
      io.stdout(summary(await make(target, stateDirectory), io))
    },
  }
}

/**
 * Asks whether to write a backup, then where, until the file can be written. Whoever says no, gives no file or leaves a
 * question (null) has a PKI all the same.
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
      const file = (await ask('File of the backup, best on another disk (Enter for none): ')).trim()
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

/** What is wrong with a file or a passphrase can be answered anew. */
function unlessInterrupted(error: unknown): FpkiError {
  if (error instanceof FpkiError && !isInterruption(error)) return error
  throw error
}

function isInterruption(error: unknown): boolean {
  return error instanceof FpkiError && (error.code === 'ERR_SIGINT' || error.code === 'ERR_SIGTERM')
}

function operations() {
  return import('../../../operations/backup/backup-pki.js')
}
