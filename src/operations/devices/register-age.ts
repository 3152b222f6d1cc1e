import type { LoggedRegister } from '../../audit-log/records.js'
import type { RegisterHead } from '../../devices/register.js'

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
