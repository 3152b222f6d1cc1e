import * as z from 'zod/mini'
import { inspectDirectory, type SeenDirectory } from '../directory/inspect.js'
import { PKI_FILES } from '../directory/names.js'
import { FpkiError } from '../errors.js'
import {
  type CertificateFacts,
  type CertificateRole,
  certificateRole,
  describeCertificate,
  rfc3339,
} from '../pki/describe.js'
import { type Certificate, readPemCertificate } from '../pki/read-certificate.js'
import type { Clock, DurableFiles } from '../ports.js'
import { backupStatus, statusOfBackup } from './backup/age.js'
import { factoryIn, pkiFilesOf, roleOfFile } from './pki-files.js'
import type { ShownPki } from './show-pki.js'

/** How a certificate, or the worst of several, stands. */
const expiryState = z.enum(['fine', 'expiring', 'expired'])

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
  /** It is not valid yet: a clock is wrong, here or where it was made. It counts as fine. */
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

/** One PKI. */
const pkiStatus = z.strictObject({
  /** Absolute; null: as the Factory API knows it. */
  directory: z.nullable(z.string()),
  factory: z.nullable(z.string()),
  certificates: z.array(certificateStatus),
  /** A command that was interrupted and waits to be brought to its end. */
  unfinished: z.nullable(z.string()),
  /** The newest backup; null: none is known. */
  backup: z.nullable(backupStatus),
  /** There is none, or it is older than `--backup-days`. */
  backupDue: z.boolean(),
  problems: z.array(statusProblem),
})

/** What `fpki ca status --json` prints. */
export const statusOfPkis = z.strictObject({
  checkedAt: z.string(),
  warnDays: z.int(),
  /** How old a backup may be; null: any age will do. */
  backupDays: z.nullable(z.int()),
  /** The worst of all certificates. */
  state: expiryState,
  pkis: z.array(pkiStatus),
})

/** See {@link statusOfPkis}. */
export type StatusOfPkis = z.infer<typeof statusOfPkis>

/** One PKI of a {@link StatusOfPkis}. */
export type PkiStatus = z.infer<typeof pkiStatus>

/** One certificate of a {@link PkiStatus}. */
export type CertificateStatus = z.infer<typeof certificateStatus>

/** The time, how many days before its end a certificate counts as expiring, and how old a backup may be. */
interface Moment {
  readonly now: Date
  readonly warnDays: number
  readonly backupDays: number | null
}

/**
 * When the certificates of PKI directories end. Only certificates are read, and nothing is changed. What cannot be read is
 * told of beside the rest.
 */
export async function statusOfDirectories(
  paths: readonly string[],
  warnDays: number,
  { files, clock }: { readonly files: DurableFiles; readonly clock: Clock },
  backupDays: number | null = null,
): Promise<StatusOfPkis> {
  const moment = { now: clock(), warnDays, backupDays }
  // Named twice, its metrics would be there twice, which Prometheus refuses.
  return summed(await Promise.all([...new Set(paths)].map((path) => statusOfDirectory(path, files, moment))), moment)
}

/** When the certificates end that the Factory API knows of a factory. */
export function statusOfShown(shown: ShownPki, warnDays: number, clock: Clock): StatusOfPkis {
  const moment = { now: clock(), warnDays, backupDays: null }
  const { factory, root, tls, estTls, deviceCas } = shown
  const all = [root, tls, estTls, ...deviceCas].filter((certificate) => certificate !== null)
  const certificates = all.map((facts) => statusOf(facts, facts, moment))
  return summed([{ directory: null, factory, certificates, ...NOTHING, problems: [] }], moment)
}

/** What only a directory that can be read tells. */
const NOTHING = { unfinished: null, backup: null, backupDue: false }

function summed(pkis: readonly PkiStatus[], { now, warnDays, backupDays }: Moment): StatusOfPkis {
  const states = pkis.flatMap(({ certificates }) => certificates.map(({ state }) => state))
  const state = (['expired', 'expiring'] as const).find((one) => states.includes(one)) ?? 'fine'
  return { checkedAt: rfc3339(now), warnDays, backupDays, state, pkis: [...pkis] }
}

async function statusOfDirectory(path: string, files: DurableFiles, moment: Moment): Promise<PkiStatus> {
  try {
    return await statusOfSeen(await inspectDirectory(files, path), moment)
  } catch (error) {
    const problems = [problemOf(null, error)]
    return { directory: path, factory: null, certificates: [], ...NOTHING, problems }
  }
}

async function statusOfSeen(directory: SeenDirectory, moment: Moment): Promise<PkiStatus> {
  const { certificates: names } = pkiFilesOf(directory)
  if (!names.includes(PKI_FILES.rootCertificate)) throw noPki(directory)
  const read = await Promise.all(names.map((name) => readFile(directory, name)))
  const seen = read.flatMap((one) => ('certificate' in one ? [one] : []))
  const root = seen.find(({ file }) => file === PKI_FILES.rootCertificate)?.certificate ?? null
  const { journal } = directory
  const { backupDays } = moment
  const backup = statusOfBackup(directory, moment.now)
  return {
    directory: directory.path,
    factory: factoryIn(directory, root),
    certificates: seen.map(({ file, certificate }) => {
      const facts = describeCertificate(certificate, root ?? certificate, moment.now)
      return statusOf(facts, { role: roleOfFile(file), file, disabled: false }, moment)
    }),
    unfinished: journal !== null && journal.finishedAt === null ? journal.command : null,
    backup,
    backupDue: backupDays !== null && (backup === null || backup.daysOld >= backupDays),
    problems: [
      ...directory.problems.map((problem) => problemOf(null, problem)),
      ...read.flatMap((one) => ('problem' in one ? [one.problem] : [])),
    ],
  }
}

type ReadFile =
  | { readonly file: string; readonly certificate: Certificate }
  | { readonly problem: PkiStatus['problems'][number] }

async function readFile(directory: SeenDirectory, file: string): Promise<ReadFile> {
  const { text, problem } = await directory.see(file)
  if (text === null) return { problem: problemOf(file, problem) }
  try {
    return { file, certificate: readPemCertificate(text, `${directory.path}/${file}`) }
  } catch (error) {
    return { problem: problemOf(file, error) }
  }
}

function statusOf(
  { subject, serial, notBefore, notAfter, daysLeft }: CertificateFacts,
  place: { readonly role: CertificateRole; readonly file?: string; readonly disabled: boolean },
  { now, warnDays }: Moment,
): CertificateStatus {
  const { role, file = null, disabled } = place
  const expired = now > new Date(notAfter)
  const state = disabled ? 'fine' : expired ? 'expired' : daysLeft < warnDays ? 'expiring' : 'fine'
  const notYetValid = now < new Date(notBefore)
  return { role, file, subject, serial, notBefore, notAfter, daysLeft, state, notYetValid, disabled }
}

function problemOf(file: string | null, error: unknown): PkiStatus['problems'][number] {
  if (!(error instanceof FpkiError)) throw error
  const { code, message, hint } = error
  return { file, code, message, hint }
}

function noPki({ path }: SeenDirectory): FpkiError {
  const hint = 'Name a PKI directory, or put the file back from a backup.'
  return new FpkiError('ERR_NOT_INITIALIZED', `${path} has no ${PKI_FILES.rootCertificate}.`, hint)
}
