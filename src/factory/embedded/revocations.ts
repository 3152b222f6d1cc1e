import { CRL_REASONS, isCrlOf } from '../../pki/crl.js'
import { encodePem } from '../../pki/pem.js'
import { type Certificate, readPemList } from '../../pki/read-certificate.js'
import { type Crl, readCrl } from '../../pki/read-crl.js'
import type { FactoryCertificates } from '../api.js'
import { refusal } from './refusal.js'

/** The part of the certificates that a CRL changes. */
type Revocable = Pick<FactoryCertificates, 'caCrt' | 'caRevokeCrl' | 'disabledCaSerials'>

/**
 * What becomes of the device CAs when the API takes a CRL (contract.md 3): 9 removes a CA, 6 disables it, 8 enables it
 * again. Throws FactoryApiError, or what reading throws.
 */
export function afterCrl<T extends Revocable>(
  certificates: T,
  pem: string | undefined,
  { root, now }: { readonly root: Certificate; readonly now: Date },
): T {
  if (pem === undefined) return certificates
  const crl = readCrl(pem, 'ca-revoke-crl')
  requireCurrent(crl, root, now)
  const { caCrt } = certificates
  const cas = caCrt === null ? [] : readPemList(caCrt, 'ca-crt')
  const isCa = (serial: bigint) => cas.some(({ serialNumber }) => serialNumber === serial)
  const unknown = crl.entries.find(({ serialNumber }) => !isCa(serialNumber))
  if (unknown !== undefined) throw refusal(400, `ca-revoke-crl names ${unknown.serialNumber}, which is no device CA`)
  const serials = (reason: keyof typeof CRL_REASONS) =>
    crl.entries.flatMap(({ serialNumber, reasonCode }) => (reasonCode === CRL_REASONS[reason] ? [serialNumber] : []))
  const revoked = serials('privilegeWithdrawn')
  const gone = [...revoked, ...serials('removeFromCRL')].map(String)
  const disabled = [...certificates.disabledCaSerials, ...serials('certificateHold').map(String)]
  const left = cas.filter(({ serialNumber }) => !revoked.includes(serialNumber))
  return {
    ...certificates,
    caCrt: left.length === 0 ? null : left.map(({ der }) => encodePem('CERTIFICATE', der)).join('\n'),
    caRevokeCrl: pem,
    disabledCaSerials: [...new Set(disabled)].filter((serial) => !gone.includes(serial)),
  }
}

function requireCurrent(crl: Crl, root: Certificate, now: Date): void {
  if (!isCrlOf(crl, root)) throw refusal(400, 'ca-revoke-crl is not signed by the root of trust')
  if (crl.nextUpdate !== null && now > crl.nextUpdate) throw refusal(400, 'ca-revoke-crl has expired')
  if (crl.entries.length === 0) throw refusal(400, 'ca-revoke-crl names no certificate')
  const known: readonly (number | null)[] = Object.values(CRL_REASONS)
  const odd = crl.entries.find(({ reasonCode }) => !known.includes(reasonCode))
  if (odd !== undefined) throw refusal(400, `ca-revoke-crl has the reason ${odd.reasonCode ?? 'unspecified'}`)
}
