import * as z from 'zod/mini'
import { readLine, splitAuditLog } from '../../audit-log/chain.js'
import { auditLogFiles, repairHint } from '../../audit-log/files.js'
import { type AUDIT_LOG_KINDS, type AuditLogLine, auditLogLine } from '../../audit-log/records.js'
import { MISSING_MESSAGES, tracesOfAuditLog } from '../../audit-log/traces.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { requirePkiDirectory } from '../../directory/require.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import type { DurableFiles } from '../../ports.js'
import { shellWord } from '../../shell-word.js'

/** What `fpki ca log --json` prints. */
export const showAuditLogResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** The lines that match the filters, oldest first. */
  lines: z.array(auditLogLine),
  /** The number of all lines. */
  total: z.int(),
})

/** See {@link showAuditLogResult}. */
export type ShowAuditLogResult = z.infer<typeof showAuditLogResult>

/** Selects lines; null: all. */
export interface AuditLogFilter {
  /** Decimal; of a certificate or in a CRL. */
  readonly serial: string | null
  readonly since: Date | null
  readonly kind: (typeof AUDIT_LOG_KINDS)[number] | null
}

/**
 * The lines of the audit log of a PKI directory, unchecked: {@link checkAuditLog} checks them. Nothing is changed.
 *
 * @throws FpkiError ERR_NOT_A_DIRECTORY, ERR_NOT_INITIALIZED when there is no audit log, ERR_BAD_FILE when a line is
 *   malformed, ERR_STORAGE
 */
export async function showAuditLog(
  { directory: path, ...filter }: AuditLogFilter & { readonly directory: string },
  { files }: { readonly files: DurableFiles },
): Promise<ShowAuditLogResult> {
  const directory = await requirePkiDirectory(files, path)
  const { lines } = splitAuditLog(await requireAuditLog(directory), await auditLogFiles(directory).readHead())
  const read = lines.map((line, at) => readLine(line) ?? badLine(directory, at + 1))
  return { directory: path, lines: read.filter((line) => matches(line, filter)), total: lines.length }
}

/** The text of the audit log. Throws ERR_NOT_INITIALIZED; ERR_BAD_FILE when it was lost. */
async function requireAuditLog(directory: PkiDirectory): Promise<string> {
  const { path } = directory
  const traces = await tracesOfAuditLog(directory)
  // Read after the traces, so that a command that finishes meanwhile has written both.
  const text = await auditLogFiles(directory).read()
  if (text !== null) return text
  if (traces.length === 0 && (await auditLogFiles(directory).readHead()) === null)
    throw await auditLogNotFound(directory)
  throw new FpkiError('ERR_BAD_FILE', `${path}: ${MISSING_MESSAGES.log}`, repairHint(path))
}

/** The error for a directory that has no audit log, and never had one. */
export async function auditLogNotFound(directory: PkiDirectory): Promise<FpkiError> {
  const names = await directory.names()
  const [what, hint] = names.includes(PKI_FILES.rootCertificate)
    ? ['has no audit log yet', 'The next command that signs or changes something creates it.']
    : ['contains neither a PKI nor an audit log', 'Pass a PKI directory.']
  return new FpkiError('ERR_NOT_INITIALIZED', `${directory.path} ${what}.`, hint)
}

function matches({ kind, time, certificates, crl }: AuditLogLine, filter: AuditLogFilter): boolean {
  const serials = [...certificates.map(({ serial }) => serial), ...(crl?.serials ?? [])]
  return (
    (filter.kind === null || filter.kind === kind) &&
    (filter.since === null || new Date(time) >= filter.since) &&
    (filter.serial === null || serials.includes(filter.serial))
  )
}

function badLine({ path }: PkiDirectory, line: number): never {
  const text = `Line ${line} of ${path}/.fpki/log.jsonl is not a valid entry.`
  throw new FpkiError('ERR_BAD_FILE', text, `For all problems, run \`fpki ca log verify ${shellWord(path)}\`.`)
}
