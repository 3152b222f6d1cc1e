import { DEFAULT_LINE, type DeviceRegister, type ImportedCertificate } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import type { WireAnswer } from '../../factory/answer.js'
import type { FactoryApi, FactoryCertificates } from '../../factory/api.js'
import { decideDeviceSubject } from '../../pki/device-policy.js'
import { keyHashOf } from '../../pki/fingerprint.js'
import { attributeValues } from '../../pki/name.js'
import { pathFault } from '../../pki/path-validation/validate.js'
import { isP256Spki } from '../../pki/public-key.js'
import { type Certificate, isIssuedBy, readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock } from '../../ports.js'
import { caFingerprint } from '../devices/ca-fingerprint.js'
import { deviceProfileProblem } from '../devices/device-profile.js'
import { deviceCasOf } from '../open-pki.js'
import { deviceDocument } from './device-document.js'
import { isNameTaken } from './find-device.js'
import { nameProblem } from './names.js'
import { refused } from './refused.js'
import { wireNewDevice } from './wire.js'

/** A certificate that a client registers, and the factory that it says it is for. */
export interface NewDevice {
  readonly certificate: Certificate
  readonly factory: string
  readonly name: string | null
  readonly group: string | null
}

/** Where a device is registered. */
export interface PutScene {
  readonly api: FactoryApi
  readonly register: DeviceRegister
  readonly clock: Clock
}

/** Reads the body of PUT devices. Nothing of the certificate is checked but its form. */
export function readNewDevice(body: unknown): NewDevice | WireAnswer {
  const { data, error } = wireNewDevice.safeParse(body)
  if (data === undefined) {
    const [member] = error.issues[0]?.path ?? []
    return refused(
      400,
      member === undefined ? 'the body is not a JSON object' : `${String(member)} is missing or invalid`,
    )
  }
  try {
    const certificate = readPemCertificate(data['client.pem'], 'client.pem')
    const [factory = ''] = attributeValues(certificate.subject, 'OU')
    return { certificate, factory, name: data.name || null, group: data.group || null }
  } catch (caught) {
    if (caught instanceof FpkiError) return refused(400, caught.message.replace(/\.$/, ''))
    throw caught
  }
}

/**
 * Records a device whose certificate an active device CA of the factory has signed. Throws what the API and the register throw.
 */
export async function putDevice(device: NewDevice, scene: PutScene): Promise<WireAnswer> {
  const { certificate, factory, name } = device
  const { api, clock } = scene
  const certificates = await api.getCertificates()
  if (certificates === null) return refused(409, 'the PKI of the factory is not configured yet')
  const ca = activeCas(certificates).find((one) => isIssuedBy(certificate, one))
  if (ca === undefined) return refused(400, 'client.pem is not signed by an active device CA of the factory')
  const root = readPemCertificate(certificates.rootCrt, 'root-crt')
  const fault = pathFault([root, ca, certificate], clock()) ?? deviceProfileProblem(certificate)
  if (fault !== null) return refused(400, `client.pem is not a valid certificate of a device: ${fault}`)
  const decided = decideDeviceSubject(certificate.subject, { factory, allowsProduction: true })
  if ('code' in decided) return refused(400, `client.pem is refused: ${decided.reason}`)
  if (!isP256Spki(certificate.spki)) return refused(400, 'client.pem is refused: its key is not on P-256')
  const problem = name === null || name === decided.uuid ? null : nameProblem(name)
  if (problem !== null) return refused(400, problem)
  return record({ ...device, ...decided, ca }, scene)
}

interface CheckedDevice extends NewDevice {
  readonly uuid: string
  readonly isProduction: boolean
  readonly ca: Certificate
}

async function record(device: CheckedDevice, { register, api }: PutScene): Promise<WireAnswer> {
  const { uuid, name, certificate } = device
  const keyHash = keyHashOf(certificate.spki)
  const [found] = await register.lookUp([{ uuid, keyHash }])
  const existing = found?.device ?? null
  if (existing?.state === 'denied') return refused(409, `the device ${uuid} is denied`)
  if (existing !== null && existing.state !== 'abandoned' && found?.keyOwner !== uuid)
    return refused(409, `the device ${uuid} exists with another key`)
  if (existing === null && name !== null && (await isNameTaken(register, name, uuid)))
    return refused(409, `another device has the name ${name}`)
  const imported = importedOf(device, { keyHash, line: existing?.line ?? DEFAULT_LINE })
  const [outcome] = await register.importCertificates([imported])
  if (outcome?.kind === 'refused') return refused(409, outcome.refusal.reason)
  const recorded = await register.device(uuid)
  if (recorded === null) throw new Error('a device that was just recorded is missing')
  const owner = { factory: device.factory, owner: (await api.getUser()).polisId }
  return { status: outcome?.kind === 'imported' ? 201 : 200, body: deviceDocument(recorded, owner) }
}

function importedOf(
  { uuid, name, group, isProduction, certificate, ca }: CheckedDevice,
  { keyHash, line }: Pick<ImportedCertificate, 'keyHash' | 'line'>,
): ImportedCertificate {
  const { serialNumber, der, notBefore, notAfter } = certificate
  const hex = serialNumber.toString(16)
  return {
    ...{ uuid, keyHash, line, group, isProduction, der },
    name: name ?? uuid,
    hardwareId: null,
    serialNumber: null,
    serial: hex.length % 2 === 0 ? hex : `0${hex}`,
    ca: caFingerprint(ca),
    // The time of the request says nothing of when it was issued.
    issuedAt: notBefore.getTime(),
    notAfter: notAfter.getTime(),
    ...{ state: 'active', endedAt: null, seenAt: null, denied: null },
  }
}

function activeCas(certificates: FactoryCertificates): readonly Certificate[] {
  const disabled = certificates.disabledCaSerials
  return deviceCasOf(certificates).filter(({ serialNumber }) => !disabled.includes(String(serialNumber)))
}
