import type { LoggedRegister } from '../../audit-log/records.js'
import { counted } from '../../counted.js'
import type { RegisterHead } from '../../devices/register.js'
import { shellWord } from '../../shell-word.js'

/** How a device register differs from what the audit log says. */
export interface RegisterAgeProblem {
  /** `elsewhere`: the directory has no register, because the one in use is at another place. */
  readonly kind: 'missing' | 'elsewhere' | 'other' | 'older'
  /** A sentence. */
  readonly message: string
  /** What to do. */
  readonly hint: string
  /** Where the register in use is, when that is not the directory. */
  readonly store: string | null
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
  if (head?.id !== logged.id && logged.store !== undefined) return elsewhere(head, logged.store)
  const had = `with ${counted(logged.certificates, 'certificate')}`
  if (head === null) return problem('missing', `The device register is missing; the audit log mentions one ${had}.`)
  if (head.id !== logged.id)
    return problem('other', `The device register is another one than the audit log mentions (${had}).`)
  if (head.certificates >= logged.certificates) return null
  return problem(
    'older',
    `The device register is older than the audit log: it has ${counted(head.certificates, 'certificate')}, and had ${logged.certificates}.`,
  )
}

function problem(kind: RegisterAgeProblem['kind'], message: string): RegisterAgeProblem {
  return { kind, message, hint: OLDER_HINT, store: null }
}

function elsewhere(head: RegisterHead | null, store: string): RegisterAgeProblem {
  const use = `Add this to the command, or set the variable FPKI_STORE: --store ${shellWord(store)}`
  return head === null
    ? { kind: 'elsewhere', message: `The device register of this directory is ${store}.`, hint: use, store }
    : {
        kind: 'other',
        message: `The device register in use is ${store}, not devices.sqlite.`,
        hint: `If devices.sqlite was created by mistake, and has no devices, remove it. ${use}`,
        store,
      }
}
