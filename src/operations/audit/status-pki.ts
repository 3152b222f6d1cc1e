import { inspectDirectory, type SeenDirectory } from '../../directory/inspect.js'
import { PKI_FILES } from '../../directory/names.js'
import { factoryIn, pkiFilesOf, roleOfFile } from '../../directory/pki-files.js'
import { FpkiError } from '../../errors.js'
import { type CertificateFacts, type CertificateRole, describeCertificate, rfc3339 } from '../../pki/describe.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles } from '../../ports.js'
import { statusOfBackup } from '../backup/age.js'
import type { ShowPkiResult } from '../show/show-pki.js'
import { interruptedIn, missingFiles } from './status-completeness.js'
import { type CertificateStatus, type PkiStatus, type PkiStatusResult, withDue } from './status-report.js'

export { type CertificateStatus, type PkiStatus, type PkiStatusResult, pkiStatusResult } from './status-report.js'

/** The time, how many days before its end a certificate counts as expiring, and how old a backup may be. */
interface Moment {
  readonly now: Date
  readonly warnDays: number
  readonly backupDays: number | null
}

/** What {@link statusOfDirectories} looks at. */
export interface StatusOfDirectoriesOptions {
  /** Absolute paths of PKI directories. */
  readonly directories: readonly string[]
  /** Warn when a certificate ends within so many days. */
  readonly warnDays: number
  /** Warn when the newest backup is older than so many days; null or absent: its age is no matter. */
  readonly backupDays?: number | null
}

/**
 * When the certificates of PKI directories end. Only certificates are read, and nothing is changed. What cannot be read is
 * told of beside the rest.
 */
export async function statusOfDirectories(
  { directories, warnDays, backupDays = null }: StatusOfDirectoriesOptions,
  { files, clock }: { readonly files: DurableFiles; readonly clock: Clock },
): Promise<PkiStatusResult> {
  const moment = { now: clock(), warnDays, backupDays }
  // Named twice, its metrics would be there twice, which Prometheus refuses.
  return summed(
    await Promise.all([...new Set(directories)].map((path) => statusOfDirectory(path, files, moment))),
    moment,
  )
}

/** When the certificates end that the Factory API knows of a factory. */
export function statusOfShown(
  { shown, warnDays }: { readonly shown: ShowPkiResult; readonly warnDays: number },
  { clock }: { readonly clock: Clock },
): PkiStatusResult {
  const moment = { now: clock(), warnDays, backupDays: null }
  const { factory, root, tls, estTls, deviceCas } = shown
  const all = [root, tls, estTls, ...deviceCas].filter((certificate) => certificate !== null)
  const certificates = all.map((facts) => statusOf(facts, facts, moment))
  const problems = tls === null ? [problemOf(null, noTls(shown))] : []
  return summed([withDue({ directory: null, factory, certificates, ...NOTHING, problems })], moment)
}

/** What only a directory that can be read tells. */
const NOTHING = { unfinished: null, backup: null, backupDue: false }

function summed(pkis: readonly PkiStatus[], { now, warnDays, backupDays }: Moment): PkiStatusResult {
  const states = pkis.flatMap(statesOf)
  const state = OVERALL.find((one) => states.includes(one)) ?? 'fine'
  return { checkedAt: rfc3339(now), warnDays, backupDays, state, pkis: [...pkis] }
}

/** The worst first. */
const OVERALL = ['expired', 'not-yet-valid', 'problem', 'unfinished', 'expiring'] as const

function statesOf({ certificates, problems, unfinished }: PkiStatus): readonly PkiStatusResult['state'][] {
  return [
    ...certificates.map(({ state }) => state),
    ...(problems.length > 0 ? (['problem'] as const) : []),
    ...(unfinished === null ? [] : (['unfinished'] as const)),
  ]
}

async function statusOfDirectory(path: string, files: DurableFiles, moment: Moment): Promise<PkiStatus> {
  try {
    const directory = await inspectDirectory(files, path)
    return await statusOfSeen(directory, moment, await interruptedIn(files, directory))
  } catch (error) {
    const problems = [problemOf(null, error)]
    return withDue({ directory: path, factory: null, certificates: [], ...NOTHING, problems })
  }
}

async function statusOfSeen(directory: SeenDirectory, moment: Moment, unfinished: string | null): Promise<PkiStatus> {
  const missing = missingFiles(directory)
  const { certificates: names } = pkiFilesOf(directory)
  const read = await Promise.all(names.map((name) => readFile(directory, name)))
  const seen = read.flatMap((one) => ('certificate' in one ? [one] : []))
  const root = seen.find(({ file }) => file === PKI_FILES.rootCertificate)?.certificate ?? null
  const { backupDays } = moment
  const backup = statusOfBackup(directory, moment.now)
  return withDue({
    directory: directory.path,
    factory: factoryIn(directory, root),
    certificates: seen.map(({ file, certificate }) => {
      const facts = describeCertificate(certificate, root ?? certificate, moment.now)
      return statusOf(facts, { role: roleOfFile(file), file, disabled: false }, moment)
    }),
    unfinished,
    backup,
    backupDue: backupDays !== null && (backup === null || backup.daysOld >= backupDays),
    problems: [
      ...missing.map(({ file, error }) => problemOf(file, error)),
      ...directory.problems.map((problem) => problemOf(null, problem)),
      ...read.flatMap((one) => ('problem' in one ? [one.problem] : [])),
    ],
  })
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
  const notYetValid = now < new Date(notBefore)
  const states = [
    ...(expired ? (['expired'] as const) : []),
    ...(notYetValid ? (['not-yet-valid'] as const) : []),
    ...(daysLeft < warnDays ? (['expiring'] as const) : []),
  ]
  const state = (disabled ? undefined : states[0]) ?? 'fine'
  return { role, file, subject, serial, notBefore, notAfter, daysLeft, state, notYetValid, disabled }
}

function problemOf(file: string | null, error: unknown): PkiStatus['problems'][number] {
  if (!(error instanceof FpkiError)) throw error
  const { code, message, hint } = error
  return { file, code, message, hint }
}

function noTls({ factory, api }: ShowPkiResult): FpkiError {
  const hint = 'Make one with `fpki ca rotate-tls DIR`, DIR being its PKI directory.'
  return new FpkiError('ERR_NOT_INITIALIZED', `The factory ${factory} has no tls-crt in the Factory API ${api}.`, hint)
}
