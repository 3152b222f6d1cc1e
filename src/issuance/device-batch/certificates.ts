import { checkCertificate } from '../../pki/check.js'
import { curveOf, type DeviceFields, type DeviceTemplate, deviceChecker } from '../../pki/check-device.js'
import { parseDer, rawDer, sequenceMembers } from '../../pki/der.js'
import { bitString, sequence } from '../../pki/der-write.js'
import { readName } from '../../pki/name.js'
import { DEVICE } from '../../pki/profiles.js'
import type { Validity } from '../../pki/validity.js'
import type { CheckedOctets } from '../../ports.js'
import { encodeTbs } from '../../signer/x509/certificate.js'
import { deviceSubject } from './device-subject.js'
import type { BatchIssuer } from './model.js'
import { splicer } from './splice.js'

/** Makes the certificates of one device CA and validity, without signing them. */
export interface DeviceCertificates {
  /** The TBSCertificate (DER), checked. Throws ERR_PROFILE, ERR_CONSTRAINTS. */
  tbs(fields: DeviceFields): CheckedOctets
  /** The certificate (DER), verified. Throws ERR_SIGNATURE. */
  certificate(fields: DeviceFields, tbs: CheckedOctets, signature: Uint8Array): Uint8Array
}

/** A key that nobody has: the generator of P-256 (SEC 2, 2.4.2). Only the model of all certificates has it. */
const MODEL_SPKI = new Uint8Array(
  Buffer.from(
    '3059301306072a8648ce3d020106082a8648ce3d03010703420004' +
      '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296' +
      '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
    'hex',
  ),
)
const MODEL_SERIAL = Uint8Array.of(0x40, ...new Array<number>(19).fill(0))
const MODEL_UUID = '00000000-0000-4000-8000-000000000000'

/**
 * Certificates of devices by `issuer`: the library of all other certificates encodes one of them, all rules check it, and
 * the others are that one with other fields. The first that is signed passes through everything that any other certificate
 * does, OpenSSL's parser included; each of them passes pki/check-device.ts, and OpenSSL verifies its signature.
 *
 * @throws FpkiError ERR_PROFILE, ERR_CONSTRAINTS when the CA must not issue certificates of that validity
 */
export async function deviceCertificates(
  { factory, ca }: Pick<BatchIssuer, 'factory' | 'ca'>,
  validity: Validity,
): Promise<DeviceCertificates> {
  const curve = curveOf(ca)
  const subject = readName(parseDer(deviceSubject(factory, { uuid: MODEL_UUID, isProduction: false })))
  const model: DeviceTemplate = {
    role: 'a device',
    profile: DEVICE,
    serialNumber: MODEL_SERIAL,
    validity,
    subject,
    spki: MODEL_SPKI,
    issuer: ca,
    names: [],
  }
  const encoded = await encodeTbs(model, curve)
  const checker = deviceChecker(encoded, model, factory)
  const splice = splicer(encoded)
  const algorithm = rawDer(sequenceMembers(parseDer(encoded), 8)[2])
  let isFirst = true
  const checkFully = (der: Uint8Array, fields: DeviceFields) => {
    const template = { ...model, ...fields, subject: readName(parseDer(fields.subject)) }
    checkCertificate(der, template, { spki: ca.spki, algorithm: { curve } })
    isFirst = false
  }
  return {
    tbs: (fields) => {
      checker.checkFields(fields)
      return checker.checkTbs(splice(fields), fields)
    },
    certificate: (fields, tbs, signature) => {
      const der = sequence(tbs, algorithm, bitString(signature))
      checker.checkSigned(der, tbs)
      if (isFirst) checkFully(der, fields)
      return der
    },
  }
}
