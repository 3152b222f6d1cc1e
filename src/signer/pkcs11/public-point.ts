import { objectIdentifier } from '../../pki/der-write.js'
import { oid } from '../../pki/oids.js'
import { ecSpki } from '../../pki/public-key.js'
import type { Curve } from '../../ports.js'

/** The length of a coordinate in octets (SEC 1, 2.3.5). */
export const COORDINATE_SIZE: Readonly<Record<Curve, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 }

const CURVES: readonly Curve[] = ['P-256', 'P-384', 'P-521']

/** CKA_EC_PARAMS of a curve: its object identifier, DER (PKCS#11, EC keys). */
export function ecParameters(curve: Curve): Buffer {
  return Buffer.from(objectIdentifier(oid(curve)))
}

/** The curve of CKA_EC_PARAMS; null when it is not supported. */
export function curveOfParameters(parameters: Uint8Array): Curve | null {
  return CURVES.find((curve) => ecParameters(curve).equals(parameters)) ?? null
}

/**
 * The SubjectPublicKeyInfo for CKA_EC_POINT. PKCS#11 requires the uncompressed point in a DER OCTET STRING; older modules
 * return it raw. Both begin with 04, so the length decides. null when it is neither.
 */
export function spkiOfPoint(value: Uint8Array, curve: Curve): Uint8Array | null {
  const pointSize = 1 + 2 * COORDINATE_SIZE[curve]
  const headerSize = value.length - pointSize
  const point = value.subarray(headerSize)
  // The header of an OCTET STRING has two octets, or three above 127 octets (P-521).
  const wrapped = value[0] === 0x04 && headerSize === (pointSize < 0x80 ? 2 : 3) && value[headerSize - 1] === pointSize
  if (point[0] !== 0x04 || !(headerSize === 0 || wrapped)) return null
  return ecSpki(curve, point)
}
