import { verify } from 'node:crypto'
import { PKI_FILES } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { HASH_OF_CURVE } from '../pki/public-key.js'
import { type Certificate, readPemCertificate } from '../pki/read-certificate.js'
import { signedText } from './chain.js'
import type { AuditLogHead } from './records.js'

/** The root certificate of a directory; null when there is none yet. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE. */
export async function rootCertificateOf(directory: PkiDirectory): Promise<Certificate | null> {
  const pem = await directory.read(PKI_FILES.rootCertificate)
  return pem === null ? null : readPemCertificate(pem, `${directory.path}/${PKI_FILES.rootCertificate}`)
}

/** Why the signature of a head does not verify; null when it does, or without a head or a root. */
export function headSignatureProblem(head: AuditLogHead | null, root: Certificate | null): string | null {
  if (head === null || root === null) return null
  const { publicKey } = root
  const hash = publicKey.kind === 'EC' ? HASH_OF_CURVE[publicKey.curve] : 'sha256'
  const isSigned = verify(hash, Buffer.from(signedText(head)), publicKey.key, Buffer.from(head.signature, 'base64'))
  return isSigned ? null : `The signature for line ${head.number} in .fpki/log.head does not verify with the root key.`
}
