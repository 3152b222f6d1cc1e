import * as z from 'zod/mini'
import { directoryState, recordedTime } from './records.js'

/** What a line of the register is about. */
export const REGISTER_KINDS = ['found', 'begun-anew', 'certificate', 'crl', 'refused', 'event', 'repaired'] as const

const decimal = z.string().check(z.regex(/^\d{1,64}$/))
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/))

/** A certificate, as the register names it. */
export const registeredCertificate = z.strictObject({
  /** Decimal. */
  serial: decimal,
  subject: z.string(),
  /** SHA-256 of the DER. */
  fingerprint: sha256,
  /** null: it was there already, and nobody knows by which profile it was made. */
  profile: z.nullable(z.string()),
  /** Its name in the PKI directory, or where `ca sign --out` put it; null: it was printed. */
  file: z.nullable(z.string()),
})

/** A CRL, as the register names it. */
export const registeredCrl = z.strictObject({
  number: decimal,
  /** SHA-256 of the DER. */
  fingerprint: sha256,
  /** The serial numbers in it, with the same reason for all. */
  serials: z.array(decimal),
  reason: z.string(),
})

/** What a line of `.fpki/log.jsonl` says, before it has its place in the chain. */
export const registerEntry = z.strictObject({
  /** RFC 3339. */
  time: z.string(),
  who: z.strictObject({ name: z.nullable(z.string()), uid: z.int() }),
  /** `ca rotate-tls` */
  command: z.string(),
  kind: z.enum(REGISTER_KINDS),
  certificates: z.array(registeredCertificate),
  crl: z.nullable(registeredCrl),
  /** Why something was refused, or what happened; null: the rest says it. */
  text: z.nullable(z.string()),
})

/** A line of `.fpki/log.jsonl`. */
export const registerLine = z.extend(registerEntry, {
  /** From 1. */
  number: z.int(),
  /** SHA-256 of the line before, without its end of line; zeros in the first one. */
  previous: sha256,
})

/** `.fpki/log.head`: the newest line that the root has signed for. */
export const registerHead = z.strictObject({
  version: z.literal(1),
  number: z.int(),
  /** SHA-256 of that line. */
  hash: sha256,
  /** RFC 3339. */
  signedAt: z.string(),
  /** ECDSA by the root key; DER, base64. */
  signature: z.string(),
})

/** `snapshot.json` of a snapshot in `.fpki/history/`. */
export const snapshotRecord = z.strictObject({
  version: z.literal(1),
  number: z.int(),
  /** When the command began. */
  time: recordedTime,
  command: z.string(),
  files: z.array(z.strictObject({ name: z.string(), sha256 })),
  state: z.nullable(directoryState),
})

/** See {@link registeredCertificate}. */
export type RegisteredCertificate = z.infer<typeof registeredCertificate>
/** See {@link registeredCrl}. */
export type RegisteredCrl = z.infer<typeof registeredCrl>
/** See {@link registerEntry}. */
export type RegisterEntry = z.infer<typeof registerEntry>
/** See {@link registerLine}. */
export type RegisterLine = z.infer<typeof registerLine>
/** See {@link registerHead}. */
export type RegisterHead = z.infer<typeof registerHead>
/** See {@link snapshotRecord}. */
export type SnapshotRecord = z.infer<typeof snapshotRecord>
