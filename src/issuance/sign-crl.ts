import { type AuditLog, loggingRefusals } from '../audit-log/audit-log.js'
import type { FactoryCertificates } from '../factory/api.js'
import type { RootSigner } from '../keystore/root-key.js'
import { type CrlReason, isCrlOf } from '../pki/crl.js'
import { encodePem } from '../pki/pem.js'
import { readCrl } from '../pki/read-crl.js'
import type { Clock } from '../ports.js'
import { issueCrl } from '../signer/x509/crl.js'
import { type OpenPki, openRootKey } from './open-pki.js'

/** What signing a CRL takes. */
export interface CrlWork extends OpenPki {
  readonly known: FactoryCertificates
  readonly rootSigner: RootSigner
  readonly auditLog: AuditLog
  readonly clock: Clock
  warn(text: string): void
}

/** Signs a CRL with the next number, for the Factory API (contract.md 3), and logs it. Resolves to PEM. */
export function signCrl(work: CrlWork, reason: CrlReason, serialNumbers: readonly bigint[]): Promise<string> {
  return loggingRefusals(work, 'a CRL', () => signNextCrl(work, reason, serialNumbers))
}

async function signNextCrl(work: CrlWork, reason: CrlReason, serialNumbers: readonly bigint[]): Promise<string> {
  const signer = await openRootKey(work.rootSigner, work)
  const crlNumber = await nextCrlNumber(work)
  const request = { issuer: work.root, crlNumber, now: work.clock(), reason, serialNumbers }
  const crl = await issueCrl(request, signer)
  await work.auditLog.logCrl(crl, reason)
  return encodePem('X509 CRL', crl.der)
}

/** One more than that of any CRL before: the one that the Factory API has, or the newest that was signed here. */
async function nextCrlNumber({ known, directory, root, warn }: CrlWork): Promise<bigint> {
  const remembered = BigInt((await directory.readState())?.crlNumber ?? 0)
  const inApi = known.caRevokeCrl === null ? null : readCrl(known.caRevokeCrl, 'ca-revoke-crl')
  if (inApi === null) return remembered + 1n
  // Somebody else's number would be ours for ever: numbers only rise.
  if (!isCrlOf(inApi, root)) {
    warn('The CRL that the Factory API has is not signed by the root; its number is not gone on with.')
    return remembered + 1n
  }
  const number = inApi.crlNumber ?? 0n
  return (number > remembered ? number : remembered) + 1n
}
