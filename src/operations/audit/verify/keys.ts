import { PKI_FILES } from '../../../directory/names.js'
import { keyFileOf } from '../../../directory/pki-files.js'
import { FpkiError, isInterruption } from '../../../errors.js'
import { openKeyPem } from '../../../keystore/key-files.js'
import type { CertificateRole } from '../../../pki/describe.js'
import { provesPossession } from '../../../pki/possession.js'
import { sameKey } from '../../../pki/public-key.js'
import type { Passphrases } from '../../../ports.js'
import type { AuditContext, AuditedCertificate, CheckPorts } from './context.js'
import { type Finding, failed } from './finding.js'
import { keyPemProblem } from './pem.js'

/** Each key matches its certificate, and no two certificates have the same key. */
export async function checkKeys(
  context: AuditContext,
  { passphrases, rootSigner }: CheckPorts,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  // Sequentially, because the first encrypted key prompts for the passphrase.
  for (const one of context.certificates) {
    const isSkipped = one.role === 'root' && rootSigner === null
    findings.push(...(await checkPair(context, one, isSkipped ? undefined : passphrases)))
  }
  return [...findings, ...sharedKeys(context)]
}

async function checkPair(
  { files }: AuditContext,
  { file, role, certificate }: AuditedCertificate,
  passphrases: Passphrases | undefined,
): Promise<readonly Finding[]> {
  const keyFile = role === 'root' ? PKI_FILES.rootKey : keyFileOf(file)
  const text = files.find(({ name }) => name === keyFile)?.text ?? null
  if (keyFile === null || text === null || keyPemProblem(text, keyFile) !== null) return []
  try {
    const signer = await openKeyPem(text, keyFile, passphrases)
    if (await provesPossession(signer, certificate.spki)) return []
    return [failed('keys.mismatch', keyFile, `${keyFile} is not the key of ${file}.`)]
  } catch (error) {
    return keyFindings(error, keyFile, role)
  }
}

/** Why a key could not be opened. A missing passphrase of the root key is reported by the check of the root key. */
function keyFindings(error: unknown, keyFile: string, role: CertificateRole): readonly Finding[] {
  if (!(error instanceof FpkiError) || isInterruption(error)) throw error
  if (error.code !== 'ERR_PASSPHRASE') return [failed('keys.broken', keyFile, error.message)]
  if (role === 'root') return []
  // There is one prompt for all keys, so the error may name the key that needed it first.
  const message = error.message.includes(keyFile) ? error.message : `${keyFile} is encrypted, and was not opened.`
  return [failed('keys.encrypted', keyFile, message)]
}

function sharedKeys({ certificates }: AuditContext): readonly Finding[] {
  return certificates.flatMap(({ file, certificate }, at) => {
    const other = certificates.slice(0, at).find((one) => sameKey(one.certificate.publicKey, certificate.publicKey))
    return other === undefined ? [] : [failed('keys.shared', file, `${file} has the same key as ${other.file}.`)]
  })
}
