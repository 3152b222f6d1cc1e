import { type CertificateFile, certificateFiles } from '../../directory/certificate-files.js'
import { FpkiError } from '../../errors.js'
import type { FactoryCertificates } from '../../factory/api.js'
import type { CrlReason } from '../../pki/crl.js'
import { formatName } from '../../pki/name.js'
import { sameOctets } from '../../pki/octets.js'
import type { Certificate } from '../../pki/read-certificate.js'
import { serialToHex } from '../../serial-hex.js'
import { deviceCasOf, type OpenPki } from '../open-pki.js'
import { roleOf } from '../show/show-pki.js'

/** The actions on device CAs, and the CRL reasons that request them from the Factory API (docs/profile.md#crl). */
export const CA_ACTIONS = {
  revoke: { command: 'ca revoke-device-ca', reason: 'privilegeWithdrawn', done: 'revoked' },
  disable: { command: 'ca disable-device-ca', reason: 'certificateHold', done: 'disabled' },
  enable: { command: 'ca enable-device-ca', reason: 'removeFromCRL', done: 'enabled' },
} as const satisfies Readonly<Record<string, { command: string; reason: CrlReason; done: string }>>

/** One of {@link CA_ACTIONS}. */
export type CaAction = keyof typeof CA_ACTIONS

/** A device CA that an action applies to. */
interface PlannedCa {
  readonly certificate: Certificate
  readonly role: 'online-ca' | 'local-ca'
  /** Its file in the PKI directory; null: none. */
  readonly file: string | null
  readonly disabled: boolean
}

/** The effect of an action. */
export interface CaPlan {
  readonly cas: readonly PlannedCa[]
  /** All CAs are already in the requested state. */
  readonly isDone: boolean
  /** A sentence for each severe consequence; empty for a routine change. */
  readonly dangers: readonly string[]
}

/**
 * The effect of `action` on the device CAs with these serial numbers.
 *
 * @throws FpkiError ERR_NOT_A_DEVICE_CA, listing the active device CAs, when one of them is not active
 */
export async function planOf(
  action: CaAction,
  serials: readonly bigint[],
  pki: OpenPki,
  inApi: FactoryCertificates,
): Promise<CaPlan> {
  const current = deviceCasOf(inApi)
  const isDisabled = ({ serialNumber }: Certificate) => inApi.disabledCaSerials.includes(serialNumber.toString())
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
  // Only for revoking, because disabling is reversible.
  return { cas, isDone, dangers: action === 'revoke' ? [...dangers, ...localDanger(lost, left)] : dangers }
}

/** The severe consequences when, of the active device CAs, some are lost and others are left. */
export function dangersOf(lost: readonly Certificate[], left: readonly Certificate[]): readonly string[] {
  if (left.length === 0 && lost.length > 0) return ['No device CA will be left: the gateway will reject every device.']
  const isOnline = (ca: Certificate) => roleOf(ca) === 'online-ca'
  if (!lost.some(isOnline) || left.some(isOnline)) return []
  return ['No online-ca will be left: devices cannot register online, and those that did will be rejected.']
}

/** As {@link dangersOf}, for the last local-ca. Empty when no device CA is left, which {@link dangersOf} reports. */
function localDanger(lost: readonly Certificate[], left: readonly Certificate[]): readonly string[] {
  const isLocal = (ca: Certificate) => roleOf(ca) === 'local-ca'
  if (left.length === 0 || !lost.some(isLocal) || left.some(isLocal)) return []
  return [
    'No local-ca will be left: device certificates cannot be signed offline, and devices that have one will be rejected.',
  ]
}

/** The file in the directory with this certificate. */
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
    return `${serialToHex(ca.serialNumber)} (${file === null ? '' : `${file}, `}${formatName(ca.subject)})`
  })
  const list = names.length === 0 ? 'The factory has no active device CAs.' : `Active device CAs: ${names.join('; ')}.`
  return new FpkiError(
    'ERR_NOT_A_DEVICE_CA',
    `${serialToHex(serial)} is not an active device CA of the factory ${factory}; it may already be revoked.`,
    `Nothing was changed. ${list}`,
  )
}
