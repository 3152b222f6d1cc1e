import * as z from 'zod/mini'
import { DENIAL_REASON_NAMES } from '../../../devices/denial.js'
import { LINE_NAME } from '../../../devices/lines.js'
import { CERTIFICATE_STATES, type DeviceRecord, type IssuedCertificate } from '../../../devices/register.js'
import { toUuid } from '../../../pki/device-policy.js'

/**
 * The file that `devices export` writes and `devices import` reads: JSON lines. The first one says where it is from, the last
 * one how many certificates there are and the SHA-256 of everything before it, so that a truncated file is noticed.
 */

const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/))
/** RFC 3339 with milliseconds, as Date writes it. An earlier one than 1970 could not be in a CRL. */
const time = z.string().check(
  z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  z.refine((text) => Date.parse(text) >= 0 && timeText(Date.parse(text)) === text),
)
const text = z.string().check(z.maxLength(1000))

/** The first line. */
export const transferHeader = z.strictObject({
  fpki: z.literal('devices'),
  version: z.literal(1),
  factory: z.string(),
  /** SHA-256 of factory_ca.pem, DER. */
  rootFingerprint: sha256,
  createdAt: time,
  /** Only certificates issued at or after; null: all. */
  since: z.nullable(time),
  /** The register that they are from, as it was at the beginning. */
  register: z.strictObject({ id: z.string().check(z.regex(/^[0-9a-f]{1,64}$/)), certificates: z.int() }),
})

/** A certificate with its device. Never a key. */
export const transferRow = z.strictObject({
  uuid: z.string().check(z.refine((uuid) => toUuid(uuid) === uuid)),
  line: z.string().check(z.regex(LINE_NAME)),
  /** SHA-256 of the certificate of the device CA. */
  ca: sha256,
  name: text,
  group: z.nullable(text),
  hardwareId: z.nullable(text),
  serialNumber: z.nullable(text),
  production: z.boolean(),
  /** Of the certificate; lower-case hex of whole octets, without leading zero octets. */
  serial: z.string().check(z.regex(/^(?!00)([0-9a-f]{2}){1,20}$/)),
  issuedAt: time,
  notAfter: time,
  state: z.enum(CERTIFICATE_STATES),
  /** When it ended, or will; null: it is active. */
  endedAt: z.nullable(time),
  /** When it was first seen in use; null: never. */
  seenAt: z.nullable(time),
  /** Of the device; null: it is not denied. */
  denied: z.nullable(z.strictObject({ at: time, reason: z.enum(DENIAL_REASON_NAMES) })),
  /** DER, base64. */
  certificate: z.string().check(z.regex(/^[A-Za-z0-9+/]+={0,2}$/)),
})

/** The last line. */
export const transferTrailer = z.strictObject({ certificates: z.int(), sha256 })

/** See {@link transferHeader}. */
export type TransferHeader = z.infer<typeof transferHeader>
/** See {@link transferRow}. */
export type TransferRow = z.infer<typeof transferRow>

/** A line of the file has about 1,100 octets; what is longer is not from fpki. */
export const MAX_LINE_BYTES = 16 * 1024

/** A certificate in a register, as a row. */
export function rowOf(
  device: DeviceRecord,
  { serial, ca, issuedAt, notAfter, state, endedAt, seenAt, der }: IssuedCertificate,
): TransferRow {
  const { uuid, line, name, group, hardwareId, serialNumber, isProduction, denied } = device
  return {
    ...{ uuid, line, ca, name, group, hardwareId, serialNumber, production: isProduction, serial },
    issuedAt: timeText(issuedAt),
    notAfter: timeText(notAfter),
    state,
    endedAt: endedAt === null ? null : timeText(endedAt),
    seenAt: seenAt === null ? null : timeText(seenAt),
    denied: denied === null ? null : { at: timeText(denied.at), reason: denied.reason },
    certificate: Buffer.from(der).toString('base64'),
  }
}

/** Milliseconds since 1970 as the text of a time in the file. */
export function timeText(at: number): string {
  return new Date(at).toISOString()
}
