import { verify } from 'node:crypto'
import { PKI_FILES } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { HASH_OF_CURVE } from '../pki/public-key.js'
import { type Certificate, readPemCertificate } from '../pki/read-certificate.js'
import { signedText } from './chain.js'
import type { AuditLogHead } from './records.js'

/** The root certificate that an audit log is signed under; null: there is none yet. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE. */
export async function rootCertificateOf(directory: PkiDirectory): Promise<Certificate | null> {
  const pem = await directory.read(PKI_FILES.rootCertificate)
  return pem === null ? null : readPemCertificate(pem, `${directory.path}/${PKI_FILES.rootCertificate}`)
}

/** What is told of a head that the root has not signed; null: it has, or there is nothing to verify, or nothing to verify it by. */
export function headSignatureProblem(head: AuditLogHead | null, root: Certificate | null): string | null {
  if (head === null || root === null) return null
  const { publicKey } = root
  const hash = publicKey.kind === 'EC' ? HASH_OF_CURVE[publicKey.curve] : 'sha256'
  const isSigned = verify(hash, Buffer.from(signedText(head)), publicKey.key, Buffer.from(head.signature, 'base64'))
  return isSigned
    ? null
    : `The root has not signed for line ${head.number}: the signature in .fpki/log.head is not by its key.`
}
