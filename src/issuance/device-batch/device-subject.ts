import { TAG } from '../../pki/der.js'
import { der, objectIdentifier, sequence, setOf } from '../../pki/der-write.js'
import { keyHashOf } from '../../pki/fingerprint.js'
import { type OidName, oid } from '../../pki/oids.js'
import type { CertificateOrder, DeviceSubject } from './model.js'

/** The order for a device whose key fpki makes, or made before. */
export function deviceOrder(factory: string, device: DeviceSubject, spki: Uint8Array): CertificateOrder {
  return { subject: deviceSubject(factory, device), spki, keyHash: keyHashOf(spki) }
}

/** The subject that lmp-device-register requests (docs/profile.md#device): DER of the Name, all UTF8String. */
export function deviceSubject(factory: string, { uuid, isProduction }: DeviceSubject): Uint8Array {
  const production = isProduction ? [attribute('businessCategory', 'production')] : []
  return sequence(attribute('CN', uuid), attribute('OU', factory), ...production)
}

function attribute(type: OidName, value: string): Uint8Array {
  return setOf(sequence(objectIdentifier(oid(type)), der(TAG.utf8String, Buffer.from(value))))
}
