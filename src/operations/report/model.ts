import * as z from 'zod/mini'
import { finding } from '../audit/verify/finding.js'
import { backupStatus } from '../backup/age.js'
import { hierarchyCertificate, hierarchyLine } from '../show/hierarchy.js'

/** Who holds the key of a certificate. */
const keyHolder = z.strictObject({
  /** The file of the certificate, which may be missing or unreadable. */
  certificate: z.string(),
  place: z.enum(['file', 'encrypted-file', 'unreadable-file', 'token', 'kit', 'factory-api', 'gateway', 'unknown']),
  /** For people: `file factory_ca.key, encrypted`. */
  text: z.string(),
  /** null: the key is in no file of the directory. With a token, a copy of the key; with `unknown`, another key in its place. */
  file: z.nullable(z.string()),
  /** null: the key is in no token. */
  token: z.nullable(z.strictObject({ label: z.string(), serial: z.string(), key: z.string() })),
  /** SHA-256 of the public key (SubjectPublicKeyInfo). */
  publicKey: z.nullable(z.string()),
})

/** See {@link keyHolder}. */
export type KeyHolder = z.infer<typeof keyHolder>

const reportCertificate = z.extend(hierarchyCertificate, {
  /** What it is for: `root CA`, `device CA` or `TLS server`. */
  profile: z.string(),
  /** SHA-256 of the public key (SubjectPublicKeyInfo). */
  publicKey: z.string(),
})

/** See {@link reportCertificate}. */
export type ReportCertificate = z.infer<typeof reportCertificate>

const lintFinding = z.strictObject({
  file: z.string(),
  severity: z.enum(['error', 'warning', 'notice']),
  code: z.string(),
  reason: z.string(),
  cite: z.string(),
})

/** See {@link lintFinding}. */
export type ReportLintFinding = z.infer<typeof lintFinding>

const auditLog = z.strictObject({
  lines: z.int(),
  /** The newest signed line; null when none is signed. */
  signed: z.nullable(z.strictObject({ line: z.int(), hash: z.string(), at: z.string() })),
  /** Of the root, for that line; DER in base64. */
  signature: z.nullable(z.string()),
  unsigned: z.int(),
  problems: z.array(z.string()),
})

/** See {@link auditLog}. */
export type ReportAuditLog = z.infer<typeof auditLog>

const devices = z.strictObject({
  devices: z.int(),
  /** Of these, in production. */
  production: z.int(),
  /** How many certificates were ever recorded. */
  certificates: z.int(),
  lines: z.array(hierarchyLine),
  months: z.array(
    z.strictObject({
      line: z.string(),
      /** `2026-07`: when the first certificate of each was issued (UTC). */
      month: z.string(),
      devices: z.int(),
      production: z.int(),
    }),
  ),
})

/** See {@link devices}. */
export type ReportDevices = z.infer<typeof devices>

const evidence = z.strictObject({
  standard: z.string(),
  heading: z.string(),
  title: z.string(),
  /** The sections of the report that are evidence for it. */
  sections: z.array(z.string()),
})

/** See {@link evidence}. */
export type Evidence = z.infer<typeof evidence>

/** What a report on a PKI says: the document that every format renders. */
export const pkiReport = z.strictObject({
  factory: z.nullable(z.string()),
  /** Absolute. */
  directory: z.string(),
  /** RFC 3339. */
  at: z.string(),
  /** The version of fpki. */
  version: z.string(),
  warnDays: z.int(),
  /** The directory is a kit. */
  kit: z.boolean(),
  /** The worst of the findings of the audit. */
  result: z.enum(['ok', 'warning', 'failure']),
  keys: z.array(keyHolder),
  certificates: z.array(reportCertificate),
  /** Of the audit, as of `ca verify --offline --skip-root-key`. */
  findings: z.array(finding),
  lint: z.array(lintFinding),
  /** null: the directory never had one. */
  auditLog: z.nullable(auditLog),
  /** The newest backup; null: none is recorded. */
  backup: z.nullable(backupStatus),
  /** null: there is no device register, or it cannot be read. */
  devices: z.nullable(devices),
  evidence: z.array(evidence),
})

/** See {@link pkiReport}. */
export type PkiReport = z.infer<typeof pkiReport>
