import type { KeyAccess } from '../../keystore/root-key.js'
import type { Finding } from '../audit/verify/finding.js'
import { type VerifyPkiPorts, type VerifyPkiResult, verifyPki, worst } from '../audit/verify-pki.js'

/** Only these groups can fail a backup: files, keys and chains. */
const ESSENTIAL = ['pem', 'keys', 'chain', 'root-key']

/**
 * Verifies a restored PKI for `ca restore` and `ca backup --check`: as `ca verify --offline`, but failures that the
 * directory already had at the time of the backup, such as file modes, are warnings.
 */
export async function verifyRestored(
  where: { readonly directory: string; readonly groups?: readonly string[]; readonly register?: 'skip' },
  access: KeyAccess | null,
  ports: Pick<VerifyPkiPorts, 'files' | 'clock' | 'random'>,
): Promise<VerifyPkiResult> {
  const verified = await verifyPki({ factory: null, warnDays: 60, ...where }, { ...ports, api: null, access })
  const findings = verified.findings.map((one): Finding => {
    const [group = ''] = one.code.split('.')
    return one.status === 'failure' && !ESSENTIAL.includes(group) ? { ...one, status: 'warning' } : one
  })
  return { ...verified, findings, result: worst(findings) }
}
