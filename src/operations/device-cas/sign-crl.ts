import { type AuditLog, loggingRefusals } from '../../audit-log/audit-log.js'
import type { FactoryCertificates } from '../../factory/api.js'
import { issueCrl } from '../../issuance/issue.js'
import type { RootSigner } from '../../keystore/root-key.js'
import { type CrlReason, isCrlOf } from '../../pki/crl.js'
import { encodePem } from '../../pki/pem.js'
import { readCrl } from '../../pki/read-crl.js'
import type { Clock } from '../../ports.js'
import { type OpenPki, openRootKey } from '../open-pki.js'

/** Context for signing a CRL. */
export interface CrlWork extends OpenPki {
  readonly inApi: FactoryCertificates
  readonly rootSigner: RootSigner
  readonly auditLog: AuditLog
  readonly clock: Clock
  warn(text: string): void
}

/** Signs a CRL with the next number for the Factory API (docs/profile.md#crl), and logs it. Resolves to PEM. */
export function signedCrl(work: CrlWork, reason: CrlReason, serialNumbers: readonly bigint[]): Promise<string> {
  return loggingRefusals(work, 'a CRL', () => issueNextCrl(work, reason, serialNumbers))
}

async function issueNextCrl(work: CrlWork, reason: CrlReason, serialNumbers: readonly bigint[]): Promise<string> {
  const signer = await openRootKey(work.rootSigner, work)
  const crlNumber = await nextCrlNumber(work)
  const order = { issuer: work.root, crlNumber, now: work.clock(), reason, serialNumbers }
  const crl = await issueCrl(order, signer, work.auditLog)
  return encodePem('X509 CRL', crl.der)
}

/** One more than the number of the CRL in the Factory API, or of the newest that was signed here. */
async function nextCrlNumber({ inApi, directory, root, warn }: CrlWork): Promise<bigint> {
  const remembered = BigInt((await directory.readState())?.crlNumber ?? 0)
  const crl = inApi.caRevokeCrl === null ? null : readCrl(inApi.caRevokeCrl, 'ca-revoke-crl')
  if (crl === null) return remembered + 1n
  // CRL numbers never decrease, so a number from a foreign CRL would stay in effect.
  if (!isCrlOf(crl, root)) {
    warn('The CRL in the Factory API is not signed by the root; its number is ignored.')
    return remembered + 1n
  }
  const number = crl.crlNumber ?? 0n
  return (number > remembered ? number : remembered) + 1n
}
