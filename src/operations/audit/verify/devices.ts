import type { LoggedRegister } from '../../../audit-log/records.js'
import { counted } from '../../../counted.js'
import { DAY } from '../../../day.js'
import { ALL_DEVICES, type DeviceRegister } from '../../../devices/register.js'
import { DEVICE_REGISTER } from '../../../directory/names.js'
import { FpkiError } from '../../../errors.js'
import { rfc3339 } from '../../../pki/describe.js'
import { type Certificate, isIssuedBy, readCertificate } from '../../../pki/read-certificate.js'
import type { Random } from '../../../ports.js'
import { registerAgeProblem } from '../../devices/register-age.js'
import type { AuditContext, CheckPorts } from './context.js'
import { type Finding, failed, passed } from './finding.js'

/** How many certificates are verified: with 300, damage to one in a hundred is missed in one of twenty runs. */
const SAMPLE = 300

/** The device register opens, is complete, and its certificates are those of the PKI: a random sample of them. */
export async function checkDevices(context: AuditContext, ports: CheckPorts): Promise<readonly Finding[]> {
  if (ports.register === null) return []
  try {
    const logged = await ports.register.logged()
    const register = await ports.register.open()
    if (register === null) return ageFindings(registerAgeProblem(null, logged))
    try {
      return await checkRegister(register, logged, context, ports)
    } finally {
      await register.close()
    }
  } catch (error) {
    return unreadableFindings(error)
  }
}

/** Why a register could not be read; that it is elsewhere is no failure. Throws what is not an FpkiError. */
export function unreadableFindings(error: unknown): readonly Finding[] {
  if (!(error instanceof FpkiError)) throw error
  if (error.code === 'ERR_STORE_MOVED') return [passed('devices', error.message)]
  return [failed('devices.unreadable', DEVICE_REGISTER, error.message, error.hint)]
}

async function checkRegister(
  register: DeviceRegister,
  logged: LoggedRegister | null,
  context: AuditContext,
  { random }: CheckPorts,
): Promise<readonly Finding[]> {
  const damage = await register.damage()
  if (damage !== null) return [failed('devices.damaged', DEVICE_REGISTER, `The device register is damaged: ${damage}.`)]
  const head = await register.head()
  const findings = [
    ...ageFindings(registerAgeProblem(head, logged)),
    ...(await sampleFindings(register, context, random)),
    ...(await expiryFindings(register, context)),
  ]
  const { devices, production } = await register.count(ALL_DEVICES)
  const text = `The device register has ${counted(head.certificates, 'certificate')} of ${counted(devices, 'device')} (${production} in production).`
  return findings.length > 0 ? findings : [passed('devices', text)]
}

/** What is wrong with the age of a register, compared with the audit log. */
export function ageFindings(problem: ReturnType<typeof registerAgeProblem>): readonly Finding[] {
  if (problem === null) return []
  const { kind, message, hint } = problem
  if (kind === 'elsewhere') return [passed('devices', `${message} It is not checked here.`)]
  return [failed(`devices.${kind}`, DEVICE_REGISTER, message, hint)]
}

async function sampleFindings(
  register: DeviceRegister,
  { certificates, earlier, root }: AuditContext,
  random: Random,
): Promise<readonly Finding[]> {
  if (root === null) return []
  const cas = [...certificates.map(({ certificate }) => certificate), ...earlier].filter((ca) => isIssuedBy(ca, root))
  const fault = await sampleFault(register, cas, random)
  return fault === null ? [] : [failed('devices.certificate', DEVICE_REGISTER, fault)]
}

/** What is wrong with a random sample of the certificates in a register, as a sentence; null: nothing. */
export async function sampleFault(
  register: DeviceRegister,
  cas: readonly Certificate[],
  random: Random,
): Promise<string | null> {
  const sampled = await register.sample(SAMPLE, random)
  const wrong = sampled.filter(({ der }) => !isOfAny(der, cas))
  const [first] = wrong
  if (first === undefined) return null
  return `${wrong.length} of ${sampled.length} sampled certificates, such as that of ${first.uuid}, are not signed by a device CA of this directory.`
}

function isOfAny(der: Uint8Array, cas: readonly Certificate[]): boolean {
  try {
    const certificate = readCertificate(der, 'it')
    return cas.some((ca) => isIssuedBy(certificate, ca))
  } catch (error) {
    if (error instanceof FpkiError) return false
    throw error
  }
}

/** Only a notice: devices renew their certificates by themselves, elsewhere. */
async function expiryFindings(register: DeviceRegister, { now, warnDays }: AuditContext): Promise<readonly Finding[]> {
  const before = now.getTime() + warnDays * DAY
  const { devices } = await register.count({ ...ALL_DEVICES, expiringBefore: before })
  if (devices === 0) return []
  const message = `The certificates of ${counted(devices, 'device')} expire before ${rfc3339(new Date(before))}.`
  return [failed('devices.expiring', DEVICE_REGISTER, message)]
}
