import * as z from 'zod/mini'
import { jsonDocument } from '../../json-document.js'
import { certificateRole } from '../../pki/describe.js'
import { backupStatus } from '../backup/age.js'

/** How a certificate stands. */
const expiryState = z.enum(['fine', 'expiring', 'not-yet-valid', 'expired'])

/** How everything stands: the worst that was found. */
const overallState = z.enum(['fine', 'expiring', 'unfinished', 'problem', 'not-yet-valid', 'expired'])

/** When one certificate ends. */
const certificateStatus = z.strictObject({
  role: certificateRole,
  /** Its name in the directory; null: it is as the Factory API knows it. */
  file: z.nullable(z.string()),
  subject: z.string(),
  /** Decimal. */
  serial: z.string(),
  notBefore: z.string(),
  notAfter: z.string(),
  /** Whole days; negative when it has expired. */
  daysLeft: z.int(),
  state: expiryState,
  /** A clock is wrong, here or where it was made. */
  notYetValid: z.boolean(),
  /** A device CA that the Factory API does not accept devices of; it does not count. */
  disabled: z.boolean(),
})

/** Why something could not be looked at. */
const statusProblem = z.strictObject({
  /** null: it is about the directory. */
  file: z.nullable(z.string()),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
})

/** What there is to do: one field for each decision of a pipeline. */
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
  /** Absolute; null: as the Factory API knows it. */
  directory: z.nullable(z.string()),
  factory: z.nullable(z.string()),
  certificates: z.array(certificateStatus),
  /** A command that was interrupted and waits to be resumed; null: none, or it is running. */
  unfinished: z.nullable(z.string()),
  /** The newest backup; null: none is known. */
  backup: z.nullable(backupStatus),
  /** There is none, or it is older than `--backup-days`. */
  backupDue: z.boolean(),
  due: dueActions,
  problems: z.array(statusProblem),
})

/** What `fpki ca status --json` prints. */
export const pkiStatusResult = jsonDocument({
  checkedAt: z.string(),
  warnDays: z.int(),
  /** How old a backup may be; null: any age will do. */
  backupDays: z.nullable(z.int()),
  state: overallState,
  pkis: z.array(pkiStatus),
})

/** See {@link pkiStatusResult}. */
export type PkiStatusResult = z.infer<typeof pkiStatusResult>

/** One PKI of a {@link PkiStatusResult}. */
export type PkiStatus = z.infer<typeof pkiStatus>

/** One certificate of a {@link PkiStatus}. */
export type CertificateStatus = z.infer<typeof certificateStatus>

/** What there is to do in a PKI, from what was found in it. */
export function withDue(found: Omit<PkiStatus, 'due'>): PkiStatus {
  const { certificates, unfinished, backupDue, problems } = found
  const ends = (...roles: readonly CertificateStatus['role'][]) =>
    certificates.some(({ role, state }) => roles.includes(role) && (state === 'expiring' || state === 'expired'))
  const hasRoot = certificates.some(({ role }) => role === 'root')
  const hasTls = certificates.some(({ role }) => role === 'tls')
  return {
    ...found,
    due: {
      // A broken file is for a person.
      rotateTls: ends('tls') || (hasRoot && !hasTls && problems.every(({ code }) => code === 'ERR_NOT_INITIALIZED')),
      authorizeEst: ends('est-tls'),
      addDeviceCa: ends('online-ca', 'local-ca'),
      replaceRoot: ends('root'),
      resume: unfinished !== null,
      backup: backupDue,
      repair: problems.length > 0 || certificates.some(({ state }) => state === 'not-yet-valid'),
    },
  }
}
