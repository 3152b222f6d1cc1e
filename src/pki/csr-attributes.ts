import { TAG } from './der.js'
import { der, objectIdentifier, octetString, sequence, setOf } from './der-write.js'
import { oid } from './oids.js'

/** DER of TRUE. */
const TRUE = der(TAG.boolean, Uint8Array.of(0xff))

/** digitalSignature alone, as clients compare it (docs/profile.md#device). */
const DIGITAL_SIGNATURE = Uint8Array.of(0x03, 0x02, 0x07, 0x80)

/**
 * What the request of a device is to have (CsrAttrs; RFC 8951, 3.3 and RFC 7030, 4.5.2): a key on P-256, a signature with
 * SHA-256, and the extensions that its certificate gets (docs/profile.md#device).
 */
export function deviceCsrAttributes(): Uint8Array {
  const extension = (name: 'keyUsage' | 'extKeyUsage', value: Uint8Array) =>
    sequence(objectIdentifier(oid(name)), TRUE, octetString(value))
  const extensions = sequence(
    extension('keyUsage', DIGITAL_SIGNATURE),
    extension('extKeyUsage', sequence(objectIdentifier(oid('clientAuth')))),
  )
  const attribute = (name: 'id-ecPublicKey' | 'extensionRequest', value: Uint8Array) =>
    sequence(objectIdentifier(oid(name)), setOf(value))
  return sequence(
    attribute('id-ecPublicKey', objectIdentifier(oid('P-256'))),
    attribute('extensionRequest', extensions),
    objectIdentifier(oid('ecdsa-with-SHA256')),
  )
}
