import type { RegisterPorts } from '../../devices/open.js'
import { type CaStanding, standingOf, standingOfShown } from '../../directory/ca-standing.js'
import { type InspectedDirectory, inspectDirectory } from '../../directory/inspect.js'
import { DEVICE_REGISTER, PKI_FILES } from '../../directory/names.js'
import { factoryIn, pkiFilesOf, roleOfFile } from '../../directory/pki-files.js'
import { FpkiError } from '../../errors.js'
import { type CertificateFacts, type CertificateRole, describeCertificate, rfc3339 } from '../../pki/describe.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock } from '../../ports.js'
import { statusOfBackup } from '../backup/age.js'
import type { ShowPkiResult } from '../show/show-pki.js'
import { interruptedIn, missingFiles } from './status-completeness.js'
import { statusOfRegister } from './status-register.js'
import { type CertificateStatus, type PkiStatus, type PkiStatusResult, withDue } from './status-report.js'

export { type CertificateStatus, type PkiStatus, type PkiStatusResult, pkiStatusResult } from './status-report.js'

/** The time of the check and its thresholds, in days. */
interface Thresholds {
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
 * When the certificates in PKI directories expire. Reads certificates and records only, and changes nothing. What cannot be
 * read is reported next to the rest.
 */
export async function statusOfDirectories(
  { directories, warnDays, backupDays = null }: StatusOfDirectoriesOptions,
  ports: RegisterPorts,
): Promise<PkiStatusResult> {
  const thresholds = { now: ports.clock(), warnDays, backupDays }
  // Without duplicates, because Prometheus rejects duplicate metrics.
  const statuses = [...new Set(directories)].map((path) => statusOfDirectory(path, ports, thresholds))
  return summed(await Promise.all(statuses), thresholds)
}

/** When the certificates of a factory expire, according to the Factory API. */
export function statusOfShown(
  { shown, warnDays }: { readonly shown: ShowPkiResult; readonly warnDays: number },
  { clock }: { readonly clock: Clock },
): PkiStatusResult {
  const thresholds = { now: clock(), warnDays, backupDays: null }
  const { factory, root, tls, estTls, deviceCas } = shown
  const all = [root, tls, estTls, ...deviceCas].filter((certificate) => certificate !== null)
  const certificates = all.map((facts) =>
    statusOf(
      { ...facts, spki: readPemCertificate(facts.pem, facts.role).spki },
      { role: facts.role, standing: standingOfShown(facts) },
      thresholds,
    ),
  )
  const problems = tls === null ? [problemOf(null, noTls(shown))] : []
  return summed([withDue({ directory: null, factory, certificates, ...NOT_RECORDED, problems })], thresholds)
}

/** For anything but a readable directory. */
const NOT_RECORDED = { kit: false, devices: null, unfinished: null, backup: null, backupDue: false }

function summed(pkis: readonly PkiStatus[], { now, warnDays, backupDays }: Thresholds): PkiStatusResult {
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

async function statusOfDirectory(path: string, ports: RegisterPorts, thresholds: Thresholds): Promise<PkiStatus> {
  try {
    const directory = await inspectDirectory(ports.files, path)
    return await statusOfReadable(directory, ports, thresholds)
  } catch (error) {
    const problems = [problemOf(null, error)]
    return withDue({ directory: path, factory: null, certificates: [], ...NOT_RECORDED, problems })
  }
}

async function statusOfReadable(
  directory: InspectedDirectory,
  ports: RegisterPorts,
  thresholds: Thresholds,
): Promise<PkiStatus> {
  const unfinished = await interruptedIn(ports.files, directory)
  const missing = missingFiles(directory)
  const { certificates: names } = pkiFilesOf(directory)
  const read = await Promise.all(names.map((name) => readFile(directory, name)))
  const readable = read.flatMap((one) => ('certificate' in one ? [one] : []))
  const root = readable.find(({ file }) => file === PKI_FILES.rootCertificate)?.certificate ?? null
  const { backupDays } = thresholds
  const backup = statusOfBackup(directory, thresholds.now)
  const register = await statusOfRegister(directory.path, thresholds, ports)
  return withDue({
    directory: directory.path,
    factory: factoryIn(directory, root),
    certificates: readable.map(({ file, certificate }) => {
      const described = describeCertificate(certificate, root ?? certificate, thresholds.now)
      const facts = { ...described, spki: certificate.spki }
      const role = roleOfFile(file)
      const standing = isDeviceCa(role) ? standingOf(directory.state, certificate.serialNumber) : 'accepted'
      return statusOf(facts, { role, file, standing }, thresholds)
    }),
    kit: directory.kit !== null,
    devices: register.devices,
    unfinished,
    backup,
    backupDue: backupDays !== null && (backup === null || backup.daysOld >= backupDays),
    problems: [
      ...missing.map(({ file, error }) => problemOf(file, error)),
      ...directory.problems.map((problem) => problemOf(null, problem)),
      ...read.flatMap((one) => ('problem' in one ? [one.problem] : [])),
      ...register.problems.map((error) => problemOf(DEVICE_REGISTER, error)),
    ],
  })
}

function isDeviceCa(role: CertificateRole): boolean {
  return role === 'online-ca' || role === 'local-ca'
}

type ReadFile =
  | { readonly file: string; readonly certificate: Certificate }
  | { readonly problem: PkiStatus['problems'][number] }

async function readFile(directory: InspectedDirectory, file: string): Promise<ReadFile> {
  const { text, problem } = await directory.inspect(file)
  if (text === null) return { problem: problemOf(file, problem) }
  try {
    return { file, certificate: readPemCertificate(text, `${directory.path}/${file}`) }
  } catch (error) {
    return { problem: problemOf(file, error) }
  }
}

function statusOf(
  { subject, serial, fingerprint, spki, notBefore, notAfter, daysLeft }: CertificateFacts & Pick<Certificate, 'spki'>,
  place: { readonly role: CertificateRole; readonly file?: string; readonly standing: CaStanding },
  { now, warnDays }: Thresholds,
): CertificateStatus {
  const { role, file = null, standing } = place
  const expired = now > new Date(notAfter)
  const notYetValid = now < new Date(notBefore)
  const states = [
    ...(expired ? (['expired'] as const) : []),
    ...(notYetValid ? (['not-yet-valid'] as const) : []),
    ...(daysLeft < warnDays ? (['expiring'] as const) : []),
  ]
  const state = (standing === 'accepted' ? states[0] : undefined) ?? 'fine'
  const ca = { disabled: standing === 'disabled', revoked: standing === 'revoked' }
  const keyAndDates = { publicKey: fingerprintOf(spki), notBefore, notAfter, daysLeft }
  return { role, file, subject, serial, fingerprint, ...keyAndDates, state, notYetValid, ...ca }
}

function problemOf(file: string | null, error: unknown): PkiStatus['problems'][number] {
  if (!(error instanceof FpkiError)) throw error
  const { code, message, hint } = error
  return { file, code, message, hint }
}

function noTls({ factory, api }: ShowPkiResult): FpkiError {
  const hint = 'Create one with `fpki ca rotate-tls DIR`, where DIR is its PKI directory.'
  return new FpkiError('ERR_NOT_INITIALIZED', `The Factory API ${api} has no tls-crt for the factory ${factory}.`, hint)
}
