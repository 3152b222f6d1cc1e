import { TAG } from '../der.js'
import { der, integer, objectIdentifier, octetString, sequence } from '../der-write.js'
import { oid } from '../oids.js'
import type { Certificate } from '../read-certificate.js'
import { issuerHashes } from './issuer.js'

/** A CertID with SHA-1 (RFC 5019, 2.1.1), as OpenSSL and most clients write it: with NULL as parameters. */
export function sha1CertId(issuer: Pick<Certificate, 'subject' | 'spki'>): (serial: string) => Uint8Array {
  const [nameHash, keyHash] = issuerHashes(issuer, 'SHA-1')
  const algorithm = sequence(objectIdentifier(oid('SHA-1')), der(TAG.null))
  const head = [algorithm, octetString(nameHash), octetString(keyHash)]
  return (serial) => sequence(...head, integer(Buffer.from(serial, 'hex')))
}

/** The OCSPRequest for one certificate and without a nonce: that of RFC 5019, the same octets from all its clients. */
export function plainRequest(certId: Uint8Array): Uint8Array {
  return sequence(sequence(sequence(sequence(certId))))
}
