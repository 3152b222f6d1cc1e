import { verify } from 'node:crypto'
import type { AuditLogPorts } from '../audit-log/audit-log.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { FpkiError } from '../errors.js'
import { withAuditLog } from '../journal/keep-records.js'
import type { Certificate } from '../pki/read-certificate.js'
import { statement } from '../pki/statement.js'
import type { DurableFiles, Signer } from '../ports.js'
import { sha256 } from '../sha256.js'
import { requireFreeInFolder } from '../storage/require-free.js'
import { requireOutsidePki } from './outside-pki.js'

/** Everybody may read and check a report. */
export const REPORT_MODE = 0o644

/** A report, and the key of a PKI that signs it. */
export interface SignedReport {
  readonly directory: PkiDirectory
  readonly command: string
  /** For the audit log: `a report on the line a with the key of site-b.pem`. */
  readonly what: string
  readonly text: string
  /** Absolute path of a new file; the signature is written to the same with `.sig`. */
  readonly out: string
  /** The certificate of the key, and its file. */
  readonly certificate: Certificate
  readonly file: string
  readonly signer: Signer
}

/**
 * Throws ERR_USAGE for a file in a PKI directory; ERR_EXISTS when the file of a report exists, or that of its signature;
 * ERR_STORAGE when their folder does not.
 */
export async function requireFreeForReport(
  { directory, out, isSigned }: { readonly directory: string; readonly out: string; readonly isSigned: boolean },
  files: DurableFiles,
): Promise<void> {
  await requireOutsidePki({ path: out, what: 'a report', option: 'out', directories: [directory] }, files)
  for (const file of isSigned ? [out, `${out}.sig`] : [out]) await requireFreeInFolder(files, file, 'report', 'out')
}

/**
 * Signs a report, and writes it and its signature. The audit log records that first.
 *
 * @param rootSigner signs the lines of the audit log; null: the next command does
 * @throws FpkiError ERR_SIGNATURE when the signature does not verify; as withAuditLog; ERR_STORAGE
 */
export async function writeSignedReport(
  { directory, command, what, text, out, certificate, file, signer }: SignedReport,
  rootSigner: Signer | null,
  ports: AuditLogPorts & { readonly files: DurableFiles },
) {
  const octets = statement(text)
  const { hash } = signer.algorithm
  const signature = await withAuditLog(directory, command, ports, rootSigner, async (auditLog) => {
    await auditLog.logEvent(`Signs ${what}; SHA-256 ${sha256(octets)}`)
    return signer.sign(octets)
  })
  if (!verify(hash, octets, certificate.publicKey.key, signature)) throw badSignature(file)
  const signatureFile = `${out}.sig`
  // The signature first: where there is a report, there is its signature.
  await ports.files.create(signatureFile, signature, REPORT_MODE)
  await ports.files.create(out, text, REPORT_MODE)
  return { signatureFile, hash }
}

function badSignature(file: string): FpkiError {
  const hint = 'Nothing was written. Check the token, then run the same command again.'
  return new FpkiError('ERR_SIGNATURE', `The signature of the report does not verify with the key of ${file}.`, hint)
}
