import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine.js'
import type { MadeBackup, ReadyTarget } from '../../../operations/backup-pki.js'
import type { Passphrases } from '../../../ports.js'
import { filePath } from '../../directory.js'
import { type Io, progressOn } from '../../output.js'
import { passphrasesOf } from '../../passphrase.js'
import type { CreateFlags } from './create.js'

/** The backup that goes with `ca create`. */
export interface BackupPlan {
  /** Looks at `--backup` before anything is made; null: it was not given. */
  prepare(): Promise<ReadyTarget | null>
  make(target: ReadyTarget, stateDirectory: string | null): Promise<MadeBackup>
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
    const { readyTarget } = await operations()
    const own = passphrasesOf(flags, io, progress, 'backup')
    const passphrases = flags.encryptKeys === true ? (keyPassphrases ?? own) : own
    const wanted = { out: filePath(file, io), recipients: [], withPassphrase: true }
    return readyTarget(wanted, directory, { ...machine, passphrases })
  }
  const make = async (target: ReadyTarget, stateDirectory: string | null) => {
    const { backupPki } = await operations()
    try {
      return await backupPki({ directory, factory: null, stateDirectory, target }, { ...machine, progress })
    } catch (error) {
      progress.warn(`the PKI in ${directory} is made; what failed is its backup. \`fpki ca backup\` makes another.`)
      throw error
    }
  }
  return {
    prepare: async () => (flags.backup === undefined ? null : prepare(flags.backup)),
    make,
    offer: async (stateDirectory) => {
      const file = flags.json || flags.quiet ? '' : await askForFile(io)
      if (file === '') return progress.note(`there is no backup yet: \`fpki ca backup ${directory} --out FILE\`.`)
      const { summary } = await import('./backup.js')
      io.stdout(summary(await make(await prepare(file), stateDirectory), io))
    },
  }
}

/** Whoever answers nothing, or leaves the question, has a PKI all the same. */
async function askForFile(io: Io): Promise<string> {
  if (io.ask === null) return ''
  const question = 'Write an encrypted backup now? Its file, best on another disk; Enter for none: '
  const answer = await io.ask(question).catch((error: unknown) => {
    if (error instanceof FpkiError && error.code === 'ERR_SIGINT') return ''
    throw error
  })
  return answer.trim()
}

function operations() {
  return import('../../../operations/backup-pki.js')
}
