import { CRL_REASONS, isCrlOf } from '../../pki/crl.js'
import { encodePem } from '../../pki/pem.js'
import { type Certificate, readPemList } from '../../pki/read-certificate.js'
import { type Crl, readCrl } from '../../pki/read-crl.js'
import { serialToHex } from '../../serial-hex.js'
import type { FactoryCertificates } from '../api.js'
import { refusal } from './refusal.js'

/** The members that a CRL changes. */
type Revocable = Pick<FactoryCertificates, 'caCrt' | 'caRevokeCrl' | 'disabledCaSerials'>

/**
 * Applies a CRL to the device CAs (docs/profile.md#crl): reason 9 removes a CA, 6 disables it, 8 enables it again. Throws
 * FactoryApiError, or the errors of parsing.
 */
export function afterCrl<T extends Revocable>(
  certificates: T,
  pem: string | undefined,
  { factory, root, now }: { readonly factory: string; readonly root: Certificate; readonly now: Date },
): T {
  if (pem === undefined) return certificates
  const crl = readCrl(pem, 'ca-revoke-crl')
  requireCurrent(crl, factory, root, now)
  const { caCrt } = certificates
  const cas = caCrt === null ? [] : readPemList(caCrt, 'ca-crt')
  const isCa = (serial: bigint) => cas.some(({ serialNumber }) => serialNumber === serial)
  const unknown = crl.entries.find(({ serialNumber }) => !isCa(serialNumber))
  if (unknown !== undefined)
    throw refusal(
      factory,
      400,
      `ca-revoke-crl lists ${serialToHex(unknown.serialNumber)}, which is not the serial number of a device CA`,
    )
  const serials = (reason: keyof typeof CRL_REASONS) =>
    crl.entries.flatMap(({ serialNumber, reasonCode }) => (reasonCode === CRL_REASONS[reason] ? [serialNumber] : []))
  const revoked = serials('privilegeWithdrawn')
  const enabled = [...revoked, ...serials('removeFromCRL')].map(String)
  const disabled = [...certificates.disabledCaSerials, ...serials('certificateHold').map(String)]
  const left = cas.filter(({ serialNumber }) => !revoked.includes(serialNumber))
  return {
    ...certificates,
    caCrt: left.length === 0 ? null : left.map(({ der }) => encodePem('CERTIFICATE', der)).join('\n'),
    caRevokeCrl: pem,
    disabledCaSerials: [...new Set(disabled)].filter((serial) => !enabled.includes(serial)),
  }
}

function requireCurrent(crl: Crl, factory: string, root: Certificate, now: Date): void {
  if (!isCrlOf(crl, root)) throw refusal(factory, 400, 'ca-revoke-crl is not signed by the root of trust')
  if (crl.nextUpdate !== null && now > crl.nextUpdate) throw refusal(factory, 400, 'ca-revoke-crl has expired')
  if (crl.entries.length === 0) throw refusal(factory, 400, 'ca-revoke-crl lists no certificate')
  const supported: readonly (number | null)[] = Object.values(CRL_REASONS)
  const other = crl.entries.find(({ reasonCode }) => !supported.includes(reasonCode))
  if (other !== undefined)
    throw refusal(factory, 400, `ca-revoke-crl has the unsupported reason ${other.reasonCode ?? 'unspecified'}`)
}
