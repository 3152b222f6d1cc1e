import { loggedRegisterIfReadable } from '../../../audit-log/logged-register.js'
import type { DeviceRegister } from '../../../devices/register.js'
import type { PkiDirectory } from '../../../directory/pki-directory.js'
import { FpkiError } from '../../../errors.js'
import { shellWord } from '../../../shell-word.js'
import type { RegisterChoice } from '../open-register.js'
import { registerAgeProblem } from '../register-age.js'

/**
 * Throws ERR_BAD_FILE when the audit log shows that certificates are missing in the device register: their devices would be
 * certified twice, and what is logged after that would hide it. A register at another place may be a new one.
 *
 * @param register null: there is no register
 */
export async function requireCurrentRegister(
  directory: PkiDirectory,
  register: Pick<DeviceRegister, 'head'> | null,
  choice: RegisterChoice,
): Promise<void> {
  const problem = registerAgeProblem(...(await headAndLogged(directory, register)))
  if (problem === null || (choice.store !== null && problem.kind !== 'older')) return
  if (problem.store !== null) throw new FpkiError('ERR_STORE_MOVED', problem.message, problem.hint)
  const word = shellWord(choice.directory)
  throw new FpkiError(
    'ERR_BAD_FILE',
    problem.message,
    `Nothing was signed: a device or key that is missing in it could be certified twice. Restore devices.sqlite from the newest backup, or import an export of it: \`fpki devices import ${word} FILE\`.`,
  )
}

/** The register is counted after the log was read, because other processes may be adding to both. */
async function headAndLogged(directory: PkiDirectory, register: Pick<DeviceRegister, 'head'> | null) {
  const newest = await loggedRegisterIfReadable(directory, null)
  const head = (await register?.head()) ?? null
  const own =
    head === null || newest === null || head.id === newest.id
      ? null
      : await loggedRegisterIfReadable(directory, head.id)
  return [own === null ? head : ((await register?.head()) ?? null), own ?? newest] as const
}
