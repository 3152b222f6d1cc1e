import type { X509Certificate } from 'node:crypto'
import { DAY } from '../../day.js'
import { DEFAULT_LINE } from '../../devices/register.js'
import type { PresentedCertificate } from '../../devices/renewal.js'
import { FpkiError } from '../../errors.js'
import { decideDeviceSubject } from '../../pki/device-policy.js'
import { keyHashOf } from '../../pki/fingerprint.js'
import { sameOctets } from '../../pki/octets.js'
import { type Certificate, readCertificate } from '../../pki/read-certificate.js'
import { MAX_SERIAL_OCTETS } from '../../pki/serial.js'
import type { Clock } from '../../ports.js'
import { evenHex } from '../../serial-hex.js'
import type { ServiceRegister } from '../registration/issuing-thread/calls.js'
import { type ClientProblem, validityProblem } from './client-validity.js'
import type { DeviceCas, SigningCa } from './device-cas.js'
import { type EstClient, type EstRefused, type RenewingDevice, refused } from './model.js'
import type { RenewalTerms } from './options.js'
import { otherLine, type WantedLines } from './wanted-lines.js'

/** What is needed to judge the certificate of a device. */
export interface DevicePorts {
  readonly factory: string
  readonly cas: DeviceCas
  readonly register: Pick<ServiceRegister, 'lookUp'>
  /** What the register has of a certificate, by its serial number; null: nothing. */
  presented(serial: string): Promise<PresentedCertificate | null>
  readonly clock: Clock
}

/** A device that may renew, in a line. */
export type DeviceClient = Extract<EstClient, { kind: 'device' }>

/** Reads the client certificate of a connection, strictly: OpenSSL accepts more. */
export function readClientCertificate(x509: X509Certificate): Certificate | EstRefused {
  try {
    return readCertificate(x509.raw, 'the client certificate', x509)
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    return refused(null, 'client-malformed', error.message.replace(/\.$/, ''))
  }
}

/**
 * Judges the certificate that a device presents for its renewal (docs/renewal.md#refusals): by what this directory and the
 * register know of it, and by nothing that the client sends along.
 *
 * @param ca what deviceCasOf found for the certificate
 * @param label the line in the URL; null: none
 */
export async function checkDevice(
  certificate: Certificate,
  { ca, label }: { readonly ca: SigningCa; readonly label: string | null },
  terms: RenewalTerms,
  ports: DevicePorts,
): Promise<DeviceClient | EstRefused> {
  const subject = decideDeviceSubject(certificate.subject, { factory: ports.factory, allowsProduction: true })
  if ('code' in subject) return refused(null, 'client-subject', `in its client certificate, ${subject.reason}`)
  const { uuid } = subject
  const problem =
    standingProblem(ca) ??
    purposeProblem(certificate) ??
    validityProblem(certificate, ports.clock(), terms.renewExpired * DAY)
  if (problem !== null) return refused(uuid, ...problem)
  const serial = serialText(certificate)
  const presented = await ports.presented(serial)
  const common = { ...subject, certificate, serial, ca: ca.fingerprint }
  if (presented !== null) return knownDevice({ ...common, presented }, label, terms)
  if (!terms.adopt) return refused(uuid, 'client-unknown', 'the register does not know its client certificate')
  return adopted({ ...common, presented }, { ca, label }, terms, ports)
}

function standingProblem({ standing }: SigningCa): ClientProblem | null {
  return standing === 'accepted' ? null : ['client-ca', `the CA of its client certificate is ${standing}`]
}

function purposeProblem({ parsedExtensions: { basicConstraints, extKeyUsage } }: Certificate): ClientProblem | null {
  if (basicConstraints?.ca === true) return ['client-purpose', 'its client certificate is one of a CA']
  return extKeyUsage?.includes('clientAuth') === true
    ? null
    : ['client-purpose', 'its client certificate is not for clients (clientAuth)']
}

/** Serial numbers are positive (RFC 5280, 4.1.2.2), and in the register with all their octets. */
function serialText({ serialNumber, serialNumberOctets }: Certificate): string {
  return evenHex(BigInt.asUintN(serialNumberOctets * 8, serialNumber))
}

function knownDevice(
  device: RenewingDevice & { readonly presented: PresentedCertificate },
  label: string | null,
  { line }: RenewalTerms,
): DeviceClient | EstRefused {
  const { uuid, presented } = device
  const record = presented.device
  const { certificate } = presented
  const isTheSame = sameOctets(certificate.der, device.certificate.der) && record.uuid === uuid
  if (!isTheSame) return refused(uuid, 'client-unknown', 'the register has another certificate of that serial number')
  if (record.denied !== null) return refused(uuid, 'denied', `the device ${uuid} is denied`)
  if (certificate.state === 'abandoned')
    return refused(uuid, 'client-abandoned', 'its client certificate was abandoned before any device had its key')
  if (presented.isReplaced)
    return refused(uuid, 'client-replaced', `the device ${uuid} has already used a newer certificate`)
  return inLine(record.line, device, [label, line])
}

/**
 * A device that another service registered. Its UUID and key must be new to the register, or be there as keys that were
 * imported: whoever is in the register with other certificates presents one of these.
 */
async function adopted(
  device: RenewingDevice,
  { ca, label }: { readonly ca: SigningCa; readonly label: string | null },
  { line }: RenewalTerms,
  { register, clock }: DevicePorts,
): Promise<DeviceClient | EstRefused> {
  const { uuid, certificate } = device
  const unknown = (reason: string) => refused(uuid, 'client-unknown', reason)
  const now = clock()
  const problem = strangeProblem(certificate, ca, now)
  if (problem !== null) return refused(uuid, ...problem)
  const [found] = await register.lookUp([{ uuid, keyHash: keyHashOf(certificate.spki) }])
  const record = found?.device ?? null
  const keyOwner = found?.keyOwner ?? null
  if (record !== null && record.denied !== null) return refused(uuid, 'denied', `the device ${uuid} is denied`)
  const isExternal = record?.state === 'external' && keyOwner === uuid
  if (record !== null && !isExternal)
    return unknown(`the register has other certificates of the device ${uuid}, and not this one`)
  if (keyOwner !== null && keyOwner !== uuid) return unknown('its key is the key of another device')
  return inLine(record?.line ?? label ?? line ?? DEFAULT_LINE, device, [label, line])
}

/** What is wrong with a certificate that the register does not know. */
function strangeProblem(certificate: Certificate, { pathFault }: SigningCa, now: Date): ClientProblem | null {
  const problem = validityProblem(certificate, now)
  if (problem !== null) return problem
  const { serialNumber } = certificate
  // RFC 5280, 4.1.2.2. Deny lists, CRLs and OCSP could not name any other one.
  if (serialNumber <= 0n || serialNumber >> BigInt(8 * MAX_SERIAL_OCTETS) > 0n)
    return ['client-unknown', 'its serial number is not a positive one of at most 20 octets']
  const fault = pathFault(now)
  return fault === null ? null : ['client-unknown', `the path to its client certificate is not valid: ${fault}`]
}

function inLine(line: string, device: RenewingDevice, wanted: WantedLines): DeviceClient | EstRefused {
  return otherLine(line, wanted, device.uuid) ?? { kind: 'device', line, device }
}
