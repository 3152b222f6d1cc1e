import { type CertificateFile, certificateFiles } from '../../directory/certificate-files.js'
import { FpkiError } from '../../errors.js'
import type { FactoryCertificates } from '../../factory/api.js'
import { deviceCasOf, type OpenPki } from '../../issuance/open-pki.js'
import type { CrlReason } from '../../pki/crl.js'
import { formatName } from '../../pki/name.js'
import { sameOctets } from '../../pki/octets.js'
import type { Certificate } from '../../pki/read-certificate.js'
import { roleOf } from '../show/show-pki.js'

/** What can be done to a device CA, and what the Factory API is told for it (docs/profile.md#crl). */
export const CA_ACTIONS = {
  revoke: { command: 'ca revoke-device-ca', reason: 'privilegeWithdrawn', done: 'revoked' },
  disable: { command: 'ca disable-device-ca', reason: 'certificateHold', done: 'disabled' },
  enable: { command: 'ca enable-device-ca', reason: 'removeFromCRL', done: 'enabled' },
} as const satisfies Readonly<Record<string, { command: string; reason: CrlReason; done: string }>>

/** One of {@link CA_ACTIONS}. */
export type CaAction = keyof typeof CA_ACTIONS

/** A device CA that an action is about. */
export interface PlannedCa {
  readonly certificate: Certificate
  readonly role: 'online-ca' | 'local-ca'
  /** Its file in the PKI directory; null: it has none there. */
  readonly file: string | null
  readonly disabled: boolean
}

/** What an action would do. */
export interface CaPlan {
  readonly cas: readonly PlannedCa[]
  /** All of them are as they would be: there is nothing to do. */
  readonly isDone: boolean
  /** A sentence for each thing that stops working for everybody; none for an everyday change. */
  readonly dangers: readonly string[]
}

/**
 * What `action` on the device CAs with these serial numbers would do.
 *
 * @throws FpkiError ERR_NOT_A_DEVICE_CA, with those that there are, when one of them is no device CA now
 */
export async function planOf(
  action: CaAction,
  serials: readonly bigint[],
  pki: OpenPki,
  known: FactoryCertificates,
): Promise<CaPlan> {
  const current = deviceCasOf(known)
  const isDisabled = ({ serialNumber }: Certificate) => known.disabledCaSerials.includes(serialNumber.toString())
  const files = await certificateFiles(pki.directory)
  const cas = serials.map((serial) => {
    const certificate = current.find(({ serialNumber }) => serialNumber === serial)
    if (certificate === undefined) throw notADeviceCa(serial, { current, files, factory: pki.factory })
    const file = fileOf(certificate, files)
    return { certificate, role: roleOf(certificate), file, disabled: isDisabled(certificate) }
  })
  const isDone = action !== 'revoke' && cas.every(({ disabled }) => disabled === (action === 'disable'))
  const left = current.filter((ca) => !isDisabled(ca) && !serials.includes(ca.serialNumber))
  const lost = current.filter((ca) => (action === 'revoke' || !isDisabled(ca)) && serials.includes(ca.serialNumber))
  const dangers = action === 'enable' ? [] : dangersOf(lost, left)
  // Disabling can be taken back; the key of a revoked local-ca signs for nobody any more.
  return { cas, isDone, dangers: action === 'revoke' ? [...dangers, ...localDanger(lost, left)] : dangers }
}

/** What stops working for everybody when of the device CAs that devices could use some are lost, and others are left. */
export function dangersOf(lost: readonly Certificate[], left: readonly Certificate[]): readonly string[] {
  if (left.length === 0 && lost.length > 0) return ['No device CA is left then: the gateway refuses every device.']
  const isOnline = (ca: Certificate) => roleOf(ca) === 'online-ca'
  if (!lost.some(isOnline) || left.some(isOnline)) return []
  return ['No online-ca is left then: no device can register online, and those that did are refused.']
}

/** As {@link dangersOf}, for the only local-ca; when no device CA at all is left, that is said already. */
function localDanger(lost: readonly Certificate[], left: readonly Certificate[]): readonly string[] {
  const isLocal = (ca: Certificate) => roleOf(ca) === 'local-ca'
  if (left.length === 0 || !lost.some(isLocal) || left.some(isLocal)) return []
  return ['No local-ca is left then: no device certificate can be signed offline, and those that were are refused.']
}

/** The name of the file of the directory that has this very certificate. */
function fileOf({ der }: Certificate, files: readonly CertificateFile[]): string | null {
  return files.find((candidate) => sameOctets(candidate.der, der))?.name ?? null
}

function notADeviceCa(
  serial: bigint,
  there: {
    readonly current: readonly Certificate[]
    readonly files: readonly CertificateFile[]
    readonly factory: string
  },
): FpkiError {
  const { current, files, factory } = there
  const names = current.map((ca) => {
    const file = fileOf(ca, files)
    return `${ca.serialNumber} (${file === null ? '' : `${file}, `}${formatName(ca.subject)})`
  })
  const list = names.length === 0 ? 'It has none at all.' : `It has ${names.join('; ')}.`
  return new FpkiError(
    'ERR_NOT_A_DEVICE_CA',
    `${serial} is no device CA that the factory ${factory} has at the moment; it may have been revoked already.`,
    `Nothing was changed. ${list}`,
  )
}
