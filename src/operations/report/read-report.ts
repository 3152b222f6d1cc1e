import { auditLogFiles } from '../../audit-log/files.js'
import type { RegisterPorts } from '../../devices/open.js'
import { type InspectedDirectory, inspectDirectory } from '../../directory/inspect.js'
import { PKI_FILES } from '../../directory/names.js'
import { pkiDirectory } from '../../directory/pki-directory.js'
import { factoryIn } from '../../directory/pki-files.js'
import { FpkiError } from '../../errors.js'
import { rfc3339 } from '../../pki/describe.js'
import type { DurableFiles } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { VERSION } from '../../version.js'
import { lintFiles } from '../audit/lint-files.js'
import { missingFiles } from '../audit/status-completeness.js'
import type { Finding } from '../audit/verify/finding.js'
import { verifyPki, worst } from '../audit/verify-pki.js'
import { statusOfBackup } from '../backup/age.js'
import type { RegisterChoice } from '../devices/open-register.js'
import { checkAuditLog } from '../history/check-audit-log.js'
import { EVIDENCE } from './evidence.js'
import type { PkiReport, ReportAuditLog, ReportLintFinding } from './model.js'
import { readCertificates } from './read-certificates.js'
import { readDevices } from './read-devices.js'
import { readKeys } from './read-keys.js'

/** What to report on. */
export interface ReadReportOptions extends RegisterChoice {
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** A certificate that expires within so many days is `expiring`. */
  readonly warnDays: number
}

/**
 * Reads everything that a report says of a PKI directory. Nobody is contacted, no passphrase and no token is used, and nothing
 * is changed. What cannot be read is a finding.
 *
 * @throws FpkiError ERR_NOT_A_DIRECTORY, ERR_NOT_INITIALIZED when the directory has no PKI, ERR_STORAGE
 */
export async function readReport(options: ReadReportOptions, ports: RegisterPorts): Promise<PkiReport> {
  const { directory: path, warnDays } = options
  const now = ports.clock()
  const frozen = { ...ports, clock: () => now }
  const directory = await inspectDirectory(ports.files, path)
  // Throws when there is no PKI; what else is missing, the audit finds.
  missingFiles(directory)
  const { root, certificates } = await readCertificates(directory, { now, warnDays })
  const recorded = factoryIn(directory, root)
  // An option that is wrong must not rename the PKI: the audit reports it.
  const factory = recorded ?? options.factory
  const { devices, findings: ofRegister } = await readDevices(options, frozen)
  const checked = { directory: path, factory: options.factory ?? recorded, warnDays, register: 'skip' as const }
  const audit = await verifyPki(checked, { ...frozen, api: null, access: null })
  const keys = await readKeys(directory, certificates, audit.findings)
  const rootKey = keys.find(({ certificate }) => certificate === PKI_FILES.rootCertificate)
  const isElsewhere = rootKey?.place === 'unknown' && rootKey.file === null
  // The audit tests keys in files that are not encrypted.
  const isTested = rootKey?.place === 'file' || (rootKey?.place === 'unknown' && !isElsewhere)
  const ofAudit = audit.findings.flatMap((one) => {
    if (one.code !== 'root-key.skipped') return [one]
    return isTested
      ? []
      : [untested(one, path, isElsewhere ? `it is ${rootKey.text}` : 'a report uses no passphrase and no token')]
  })
  const findings = [...ofAudit, ...ofRegister]
  return {
    factory,
    directory: path,
    at: rfc3339(now),
    version: VERSION,
    warnDays,
    kit: directory.kit !== null,
    result: worst(findings),
    keys: [...keys],
    certificates: [...certificates],
    findings,
    lint: await lintFindings({ path, factory }, frozen),
    auditLog: await readAuditLog(directory, ports.files),
    backup: statusOfBackup(directory, now),
    devices,
    evidence: [...EVIDENCE],
  }
}

/** As nobody asked for the root key to be tested, this is no warning. */
function untested(skipped: Finding, path: string, why: string): Finding {
  const message = `The root key was not tested: ${why}.`
  return { ...skipped, status: 'notice', message, hint: `Test it with \`fpki ca verify ${shellWord(path)}\`.` }
}

async function lintFindings(
  { path, factory }: { readonly path: string; readonly factory: string | null },
  { files, clock }: Pick<RegisterPorts, 'files' | 'clock'>,
): Promise<ReportLintFinding[]> {
  const options = { paths: [path], workingDirectory: '/', factory, profile: null, strict: false }
  const nothing = async () => new Uint8Array()
  try {
    const linted = await lintFiles(options, { files, clock, progress: { note: () => undefined }, readStdin: nothing })
    return linted.findings.map(({ file, severity, code, reason, cite }) => {
      return { file: file.startsWith(`${path}/`) ? file.slice(path.length + 1) : file, severity, code, reason, cite }
    })
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    return [{ file: path, severity: 'error', code: 'nothing-found', reason: error.message, cite: '' }]
  }
}

/** null: the directory never had one. */
async function readAuditLog({ path }: InspectedDirectory, files: DurableFiles): Promise<ReportAuditLog | null> {
  try {
    const { lines, signed, unsigned, problems } = await checkAuditLog({ directory: path }, { files })
    const head = await auditLogFiles(pkiDirectory(files, path)).readHead()
    const texts = problems.map(({ message }) => message)
    return { lines, signed, signature: head?.signature ?? null, unsigned, problems: texts }
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    if (error.code === 'ERR_NOT_INITIALIZED') return null
    return { lines: 0, signed: null, signature: null, unsigned: 0, problems: [error.message] }
  }
}
