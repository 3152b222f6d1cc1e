import * as z from 'zod/mini'
import { jsonDocument } from '../../json-document.js'
import { certificateRole } from '../../pki/describe.js'
import { backupStatus } from '../backup/age.js'

/** The state of a certificate. */
const expiryState = z.enum(['fine', 'expiring', 'not-yet-valid', 'expired'])

/** The worst state of all. */
export const overallState = z.enum(['fine', 'expiring', 'unfinished', 'problem', 'not-yet-valid', 'expired'])

/** When a certificate expires. */
const certificateStatus = z.strictObject({
  role: certificateRole,
  /** Its name in the directory; null: it is from the Factory API. */
  file: z.nullable(z.string()),
  subject: z.string(),
  /** Decimal. */
  serial: z.string(),
  /** SHA-256 of the DER. */
  fingerprint: z.string(),
  /** SHA-256 of the public key (SubjectPublicKeyInfo). */
  publicKey: z.string(),
  notBefore: z.string(),
  notAfter: z.string(),
  /** Whole days; negative when it has expired. */
  daysLeft: z.int(),
  state: expiryState,
  /** A clock is wrong: here, or where it was issued. */
  notYetValid: z.boolean(),
  /** A device CA whose devices the Factory API does not accept; its state is ignored. */
  disabled: z.boolean(),
  /** A revoked device CA whose file is still in the directory; its state is ignored. */
  revoked: z.boolean(),
})

/** Why something could not be checked. */
const statusProblem = z.strictObject({
  /** null: the problem concerns the directory. */
  file: z.nullable(z.string()),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
})

/** The device register of a directory. */
const devicesStatus = z.strictObject({
  devices: z.int(),
  /** Of these, in production. */
  production: z.int(),
  /** How many certificates were ever recorded. */
  certificates: z.int(),
  /** How many devices have a newest certificate that expires before `expiringBefore`: within the days of `warnDays`. */
  expiring: z.int(),
  expiringBefore: z.string(),
  denied: z.int(),
  /** How many devices have a renewed certificate that was not seen yet, while the one before is good. */
  unconfirmed: z.int(),
  /**
   * How many devices that are not denied have a newest certificate that expires in each of the next 12 months (UTC), before them
   * (`earlier`), and after them (`later`).
   */
  expiringByMonth: z.array(z.strictObject({ month: z.string(), devices: z.int() })),
})

/** Actions that are due, one field for each decision of a pipeline. */
const dueActions = z.strictObject({
  rotateTls: z.boolean(),
  authorizeEst: z.boolean(),
  addDeviceCa: z.boolean(),
  replaceRoot: z.boolean(),
  resume: z.boolean(),
  backup: z.boolean(),
  /** Something is missing, unreadable or not valid yet. */
  repair: z.boolean(),
})

/** One PKI. */
const pkiStatus = z.strictObject({
  /** Absolute; null: the data is from the Factory API. */
  directory: z.nullable(z.string()),
  factory: z.nullable(z.string()),
  certificates: z.array(certificateStatus),
  /** The directory is a kit: what it has from elsewhere is replaced there. */
  kit: z.boolean(),
  /** null: there is no device register. */
  devices: z.nullable(devicesStatus),
  /** An interrupted command that can be resumed; null: none, or it is still running. */
  unfinished: z.nullable(z.string()),
  /** The newest backup; null: none is recorded. */
  backup: z.nullable(backupStatus),
  /** There is no backup, or it is older than `--backup-days`. */
  backupDue: z.boolean(),
  due: dueActions,
  problems: z.array(statusProblem),
})

/** What `fpki ca status --json` prints. */
export const pkiStatusResult = jsonDocument({
  checkedAt: z.string(),
  warnDays: z.int(),
  /** The maximum age of a backup; null: without a limit. */
  backupDays: z.nullable(z.int()),
  state: overallState,
  pkis: z.array(pkiStatus),
})

/** See {@link pkiStatusResult}. */
export type PkiStatusResult = z.infer<typeof pkiStatusResult>

/** One PKI of a {@link PkiStatusResult}. */
export type PkiStatus = z.infer<typeof pkiStatus>

/** See {@link devicesStatus}. */
export type DevicesStatus = z.infer<typeof devicesStatus>

/** One certificate of a {@link PkiStatus}. */
export type CertificateStatus = z.infer<typeof certificateStatus>

/** Adds the actions that are due. */
export function withDue(status: Omit<PkiStatus, 'due'>): PkiStatus {
  const { certificates, unfinished, backupDue, problems, kit } = status
  const expires = (...roles: readonly CertificateStatus['role'][]) =>
    !kit &&
    certificates.some(({ role, state }) => roles.includes(role) && (state === 'expiring' || state === 'expired'))
  const hasRoot = certificates.some(({ role }) => role === 'root')
  const hasTls = certificates.some(({ role }) => role === 'tls')
  return {
    ...status,
    due: {
      // Rotate a missing tls-crt, but not a damaged one, which needs a person.
      rotateTls:
        expires('tls') || (!kit && hasRoot && !hasTls && problems.every(({ code }) => code === 'ERR_NOT_INITIALIZED')),
      authorizeEst: expires('est-tls'),
      addDeviceCa: expires('online-ca', 'local-ca'),
      replaceRoot: expires('root'),
      resume: unfinished !== null,
      backup: backupDue,
      repair: problems.length > 0 || certificates.some(({ state }) => state === 'not-yet-valid'),
    },
  }
}
