import * as z from 'zod/mini'

/** The kinds of lines of the audit log. */
export const AUDIT_LOG_KINDS = ['found', 'begun-anew', 'certificate', 'crl', 'refused', 'event', 'repaired'] as const

const decimal = z.string().check(z.regex(/^\d{1,64}$/))
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/))

/** A certificate in the audit log. */
const loggedCertificate = z.strictObject({
  /** Decimal. */
  serial: decimal,
  subject: z.string(),
  /** SHA-256 of the DER. */
  fingerprint: sha256,
  /** null for a certificate that already existed, whose profile is unknown. */
  profile: z.nullable(z.string()),
  /** The name in the PKI directory, or the path of `ca sign --out`; null when it was printed. */
  file: z.nullable(z.string()),
})

/** A CRL in the audit log. */
const loggedCrl = z.strictObject({
  number: decimal,
  /** SHA-256 of the DER. */
  fingerprint: sha256,
  /** The listed serial numbers, all with the same reason. */
  serials: z.array(decimal),
  reason: z.string(),
})

/** The state of the device register. */
const registerHead = z.strictObject({
  /** Of the register; another one has another. */
  id: z.string().check(z.regex(/^[0-9a-f]{1,64}$/)),
  /** How many were ever recorded. */
  certificates: z.int(),
  /** Where it is, as in `--store` without a password; absent: devices.sqlite in the directory. */
  store: z.optional(z.string()),
})

/** An entry of `.fpki/log.jsonl`, without its link in the chain. */
const auditLogEntry = z.strictObject({
  /** RFC 3339. */
  time: z.string(),
  who: z.strictObject({ name: z.nullable(z.string()), uid: z.int() }),
  /** `ca rotate-tls` */
  command: z.string(),
  kind: z.enum(AUDIT_LOG_KINDS),
  certificates: z.array(loggedCertificate),
  crl: z.nullable(loggedCrl),
  /** The reason for a refusal, or what happened. */
  text: z.nullable(z.string()),
  /** After a job that changed the device register; absent otherwise. */
  register: z.optional(registerHead),
})

/** A line of `.fpki/log.jsonl`. */
export const auditLogLine = z.extend(auditLogEntry, {
  /** From 1. */
  number: z.int(),
  /** SHA-256 of the previous line without its line feed; zeros in the first one. */
  previous: sha256,
})

/** `.fpki/log.head`: the newest signed line. */
export const auditLogHead = z.strictObject({
  version: z.literal(1),
  number: z.int(),
  /** SHA-256 of that line. */
  hash: sha256,
  /** RFC 3339. */
  signedAt: z.string(),
  /** ECDSA by the root key; DER, base64. */
  signature: z.string(),
})

/** See {@link registerHead}. */
export type LoggedRegister = z.infer<typeof registerHead>
/** See {@link auditLogEntry}. */
export type AuditLogEntry = z.infer<typeof auditLogEntry>
/** See {@link auditLogLine}. */
export type AuditLogLine = z.infer<typeof auditLogLine>
/** See {@link auditLogHead}. */
export type AuditLogHead = z.infer<typeof auditLogHead>
