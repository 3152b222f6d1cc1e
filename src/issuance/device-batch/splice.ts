import type { DeviceFields } from '../../pki/check-device.js'
import { parseDer, rawDer, sequenceMembers } from '../../pki/der.js'
import { der } from '../../pki/der-write.js'
import { keyIdentifier } from '../../pki/public-key.js'

/**
 * A function that puts other fields into a TBSCertificate (DER) of the device profile: serial number, subject, key, and the
 * subjectKeyIdentifier of the key, whose place is found by its value. It checks nothing; pki/check-device.ts does.
 */
export function splicer(model: Uint8Array): (fields: DeviceFields) => Uint8Array {
  const members = sequenceMembers(parseDer(model), 8)
  const [version, serial, ...others] = members
  const raw = others.map(rawDer)
  const constant = Buffer.concat(raw.slice(0, 3))
  const extensions = Buffer.from(raw[5] ?? [])
  const identifier = keyIdentifier(raw[4] ?? new Uint8Array())
  const at = extensions.indexOf(identifier)
  if (at === -1 || extensions.indexOf(identifier, at + 1) !== -1)
    throw new Error('the model has no subjectKeyIdentifier, or its issuer has the same one')
  const [before, after] = [extensions.subarray(0, at), extensions.subarray(at + identifier.length)]
  const [start, serialTag, tag] = [rawDer(version), serial?.tag ?? 0, parseDer(model).tag]
  return ({ serialNumber, subject, spki }) =>
    der(tag, start, der(serialTag, serialNumber), constant, subject, spki, before, keyIdentifier(spki), after)
}
