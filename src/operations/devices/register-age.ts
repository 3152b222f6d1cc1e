import { loggedRegister } from '../../audit-log/logged-register.js'
import type { LoggedRegister } from '../../audit-log/records.js'
import type { RegisterPorts } from '../../devices/open.js'
import type { RegisterHead } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import type { Progress } from '../../ports.js'
import { openRegisterToRead, type RegisterChoice } from './open-register.js'

/** What is wrong with a device register, compared with the audit log: it is `missing`, `other`, or `older`. */
export interface RegisterAgeProblem {
  readonly kind: 'missing' | 'other' | 'older'
  /** A sentence. */
  readonly message: string
}

/** Why devices must not be issued with an older register. */
export const OLDER_HINT =
  'Issue nothing until it is replaced: a device or key that is missing in it could be certified twice. Restore the newest backup with `fpki ca restore FILE DIRECTORY`.'

/**
 * Compares a device register with its newest state in the audit log; null: nothing is wrong.
 *
 * @param head null: there is no register
 * @param logged null: the audit log mentions no register
 */
export function registerAgeProblem(
  head: RegisterHead | null,
  logged: LoggedRegister | null,
): RegisterAgeProblem | null {
  if (logged === null) return null
  const had = `with ${logged.certificates} certificates`
  if (head === null)
    return { kind: 'missing', message: `The device register is missing; the audit log mentions one ${had}.` }
  if (head.id !== logged.id)
    return { kind: 'other', message: `The device register is another one than the audit log mentions (${had}).` }
  if (head.certificates >= logged.certificates) return null
  const message = `The device register is older than the audit log: it has ${head.certificates} certificates, and had ${logged.certificates}.`
  return { kind: 'older', message }
}

/** Warns when the register of a directory is not the newest. A register at another place is the user's own concern. */
export async function warnOfOlderRegister(
  choice: RegisterChoice,
  ports: RegisterPorts & { readonly progress: Pick<Progress, 'warn'> },
): Promise<void> {
  if (choice.store !== null) return
  // First, because a batch that runs meanwhile adds to both.
  const logged = await loggedOrNull(choice.directory, ports)
  const register = await openRegisterToRead(choice, ports)
  try {
    const head = register === null ? null : await register.head()
    const problem = registerAgeProblem(head, logged)
    if (problem !== null) ports.progress.warn(`${problem.message} ${OLDER_HINT}`)
  } finally {
    await register?.close()
  }
}

/** The newest state of the register in the audit log; null as well for a log that cannot be read: other commands report that. */
export function loggedOrNull(path: string, { files }: Pick<RegisterPorts, 'files'>): Promise<LoggedRegister | null> {
  return loggedRegister({ files, path }).catch((error: unknown) => {
    if (error instanceof FpkiError) return null
    throw error
  })
}
