import type { KeyAccess } from '../../keystore/root-key.js'
import type { Finding } from '../audit/verify/finding.js'
import { type VerifyPkiPorts, type VerifyPkiResult, verifyPki, worst } from '../audit/verify-pki.js'

/** What a backup has to prove: every key signs and is that of its certificate, and every chain is valid. */
const PROOF = ['pem', 'keys', 'chain', 'root-key']

/**
 * A PKI that is, or would be, restored, as both `ca restore` and `ca backup --check` look at it: as `ca verify --offline`
 * does, but whatever else it finds is a warning. A restored PKI is as good as the directory was, and worth having.
 */
export async function verifyRestored(
  where: { readonly directory: string; readonly groups?: readonly string[] },
  access: KeyAccess | null,
  ports: Pick<VerifyPkiPorts, 'files' | 'clock' | 'random'>,
): Promise<VerifyPkiResult> {
  const verified = await verifyPki({ factory: null, warnDays: 60, ...where }, { ...ports, api: null, access })
  const findings = verified.findings.map((one): Finding => {
    const [group = ''] = one.code.split('.')
    return one.status === 'failure' && !PROOF.includes(group) ? { ...one, status: 'warning' } : one
  })
  return { ...verified, findings, result: worst(findings) }
}
