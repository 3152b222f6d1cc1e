import { TAG } from '../../pki/der.js'
import { der, explicit, integer, objectIdentifier, sequence } from '../../pki/der-write.js'
import { oid } from '../../pki/oids.js'

/**
 * A certs-only message (RFC 8551, 3.8; PKCS #7 of EST, RFC 7030, 4.1.3 and 4.2.3): SignedData without content and signers, in
 * DER, around certificates (DER). Their order stays: clients take the first one. RFC 5652 asks for DER, whose SET would be sorted,
 * only of what is signed.
 */
export function certsOnly(certificates: readonly Uint8Array[]): Uint8Array {
  const empty = der(TAG.set)
  const content = sequence(objectIdentifier(oid('data')))
  const signedData = sequence(integer(Uint8Array.of(1)), empty, content, explicit(0, ...certificates), empty)
  return sequence(objectIdentifier(oid('signedData')), explicit(0, signedData))
}
