import * as z from 'zod/mini'

/** What a line of the audit log is about. */
export const AUDIT_LOG_KINDS = ['found', 'begun-anew', 'certificate', 'crl', 'refused', 'event', 'repaired'] as const

const decimal = z.string().check(z.regex(/^\d{1,64}$/))
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/))

/** A certificate, as the audit log names it. */
const loggedCertificate = z.strictObject({
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

/** A CRL, as the audit log names it. */
const loggedCrl = z.strictObject({
  number: decimal,
  /** SHA-256 of the DER. */
  fingerprint: sha256,
  /** The serial numbers in it, with the same reason for all. */
  serials: z.array(decimal),
  reason: z.string(),
})

/** What a line of `.fpki/log.jsonl` says, before it has its place in the chain. */
const auditLogEntry = z.strictObject({
  /** RFC 3339. */
  time: z.string(),
  who: z.strictObject({ name: z.nullable(z.string()), uid: z.int() }),
  /** `ca rotate-tls` */
  command: z.string(),
  kind: z.enum(AUDIT_LOG_KINDS),
  certificates: z.array(loggedCertificate),
  crl: z.nullable(loggedCrl),
  /** Why something was refused, or what happened; null: the rest says it. */
  text: z.nullable(z.string()),
})

/** A line of `.fpki/log.jsonl`. */
export const auditLogLine = z.extend(auditLogEntry, {
  /** From 1. */
  number: z.int(),
  /** SHA-256 of the line before, without its end of line; zeros in the first one. */
  previous: sha256,
})

/** `.fpki/log.head`: the newest line that the root has signed for. */
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

/** See {@link auditLogEntry}. */
export type AuditLogEntry = z.infer<typeof auditLogEntry>
/** See {@link auditLogLine}. */
export type AuditLogLine = z.infer<typeof auditLogLine>
/** See {@link auditLogHead}. */
export type AuditLogHead = z.infer<typeof auditLogHead>
