import * as z from 'zod/mini'
import { CERTIFICATE_STATES, type StoredCertificate } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import { jsonDocument } from '../../../json-document.js'
import { rfc3339 } from '../../../pki/describe.js'
import { toUuid } from '../../../pki/device-policy.js'
import { fingerprintOf } from '../../../pki/fingerprint.js'
import { encodePem } from '../../../pki/pem.js'
import { shellWord } from '../../../shell-word.js'
import { caNames } from '../ca-names.js'
import type { RegisterChoice } from '../open-register.js'
import { describeDevice, deviceFacts } from './device-facts.js'
import { type QueryPorts, readRegister } from './read-register.js'

/** A certificate of a device. */
const deviceCertificateFacts = z.strictObject({
  /** Decimal. */
  serial: z.string(),
  state: z.enum(CERTIFICATE_STATES),
  issuedAt: z.string(),
  notAfter: z.string(),
  /** When it stopped to be active, or will: a superseded certificate is good until then. null: it is active. */
  endedAt: z.nullable(z.string()),
  /** When it was first seen in use; null: never. */
  seenAt: z.nullable(z.string()),
  /** SHA-256 of the certificate, lower-case hex. */
  fingerprint: z.string(),
  /** SHA-256 of its SubjectPublicKeyInfo, lower-case hex. */
  keyHash: z.string(),
  pem: z.string(),
})

/** What `fpki devices show --json` prints. */
export const showDeviceResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  device: deviceFacts,
  /** The certificate file of its device CA in the directory; null: none. */
  caFile: z.nullable(z.string()),
  /** The newest first. */
  certificates: z.array(deviceCertificateFacts),
})

/** See {@link showDeviceResult}. */
export type ShowDeviceResult = z.infer<typeof showDeviceResult>

/**
 * A device of a register, with all its certificates. Nothing is changed.
 *
 * @throws FpkiError ERR_USAGE when it is not a UUID, ERR_NO_DEVICE when the register does not have it; ERR_NOT_A_DIRECTORY,
 *   ERR_NOT_INITIALIZED without a register
 */
export function showDevice(
  options: RegisterChoice & {
    /** In upper or lower case. */
    readonly uuid: string
  },
  ports: QueryPorts,
): Promise<ShowDeviceResult> {
  const uuid = toUuid(options.uuid)
  if (uuid === null) throw notAUuid(options.uuid)
  return readRegister(options, ports, async ({ directory, register }) => {
    const device = await register.device(uuid)
    if (device === null) throw noDevice(directory.path, uuid)
    const { certificates } = device
    const caFile = (await caNames(directory)).fileOf(device.ca)
    return {
      directory: directory.path,
      device: describeDevice(device),
      caFile,
      certificates: certificates.map(describeStored),
    }
  })
}

function describeStored({ serial, der, keyHash, issuedAt, notAfter, state, endedAt, seenAt }: StoredCertificate) {
  return {
    serial: BigInt(`0x${serial}`).toString(),
    state,
    issuedAt: rfc3339(new Date(issuedAt)),
    notAfter: rfc3339(new Date(notAfter)),
    endedAt: timeOrNull(endedAt),
    seenAt: timeOrNull(seenAt),
    fingerprint: fingerprintOf(der),
    keyHash: Buffer.from(keyHash).toString('hex'),
    pem: encodePem('CERTIFICATE', der),
  }
}

function timeOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : rfc3339(new Date(milliseconds))
}

function notAUuid(word: string): FpkiError {
  const hint = 'Use the UUID of a device, such as 0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001.'
  return new FpkiError('ERR_USAGE', `${JSON.stringify(word)} is not a UUID.`, hint)
}

function noDevice(directory: string, uuid: string): FpkiError {
  return new FpkiError(
    'ERR_NO_DEVICE',
    `The device register has no device ${uuid}.`,
    `\`fpki devices list ${shellWord(directory)}\` lists the devices.`,
  )
}
