import * as z from 'zod/mini'
import { readLine, splitAuditLog } from '../../audit-log/chain.js'
import { auditLogFiles, repairHint } from '../../audit-log/files.js'
import { type AUDIT_LOG_KINDS, type AuditLogLine, auditLogLine } from '../../audit-log/records.js'
import { GONE_MESSAGES, tracesOfAuditLog } from '../../audit-log/traces.js'
import { PKI_FILES } from '../../directory/names.js'
import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import type { DurableFiles } from '../../ports.js'
import { shellWord } from '../../shell-word.js'

/** What `fpki ca log --json` prints. */
export const showAuditLogResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** Those that the filters let through, the oldest first. */
  lines: z.array(auditLogLine),
  /** How many there are in all. */
  total: z.int(),
})

/** See {@link showAuditLogResult}. */
export type ShowAuditLogResult = z.infer<typeof showAuditLogResult>

/** Which lines are wanted; null: all. */
export interface AuditLogFilter {
  /** Decimal; of a certificate, or in a CRL. */
  readonly serial: string | null
  readonly since: Date | null
  readonly kind: (typeof AUDIT_LOG_KINDS)[number] | null
}

/**
 * The lines of a PKI directory's audit log. Nothing is changed, and nothing checked: {@link checkAuditLog} does that.
 *
 * @throws FpkiError ERR_NOT_A_DIRECTORY, ERR_NOT_INITIALIZED when there is no audit log, ERR_BAD_FILE when a line is none,
 *   ERR_STORAGE
 */
export async function showAuditLog(
  { directory: path, ...filter }: AuditLogFilter & { readonly directory: string },
  { files }: { readonly files: DurableFiles },
): Promise<ShowAuditLogResult> {
  const directory = pkiDirectory(files, path)
  const { lines } = splitAuditLog(await requireAuditLog(files, directory), await auditLogFiles(directory).readHead())
  const read = lines.map((line, at) => readLine(line) ?? broken(directory, at + 1))
  return { directory: path, lines: read.filter((line) => isWanted(line, filter)), total: lines.length }
}

/** The text of the audit log. Throws ERR_NOT_A_DIRECTORY or ERR_NOT_INITIALIZED; ERR_BAD_FILE when it is gone. */
async function requireAuditLog(files: DurableFiles, directory: PkiDirectory): Promise<string> {
  const { path } = directory
  await requireDirectory(files, path)
  const traces = await tracesOfAuditLog(directory)
  // Behind that: a command that ends meanwhile has written both.
  const text = await auditLogFiles(directory).read()
  if (text !== null) return text
  if (traces.length === 0 && (await auditLogFiles(directory).readHead()) === null) throw await noAuditLog(directory)
  throw new FpkiError('ERR_BAD_FILE', `${path}: ${GONE_MESSAGES.log}`, repairHint(path))
}

/** Throws ERR_NOT_A_DIRECTORY. */
export async function requireDirectory(files: DurableFiles, path: string): Promise<void> {
  if ((await files.kindOf(path)) === 'directory') return
  throw new FpkiError('ERR_NOT_A_DIRECTORY', `${path} is no directory.`, 'Name a PKI directory.')
}

/** The error for a directory that has no audit log, and never had one. */
export async function noAuditLog(directory: PkiDirectory): Promise<FpkiError> {
  const names = await directory.names()
  const [what, hint] = names.includes(PKI_FILES.rootCertificate)
    ? ['has no audit log yet', 'It begins with the next command that signs or changes something.']
    : ['holds no PKI, and no audit log', 'Name a PKI directory.']
  return new FpkiError('ERR_NOT_INITIALIZED', `${directory.path} ${what}.`, hint)
}

function isWanted({ kind, time, certificates, crl }: AuditLogLine, filter: AuditLogFilter): boolean {
  const serials = [...certificates.map(({ serial }) => serial), ...(crl?.serials ?? [])]
  return (
    (filter.kind === null || filter.kind === kind) &&
    (filter.since === null || new Date(time) >= filter.since) &&
    (filter.serial === null || serials.includes(filter.serial))
  )
}

function broken({ path }: PkiDirectory, line: number): never {
  const text = `Line ${line} of ${path}/.fpki/log.jsonl is none that fpki wrote.`
  throw new FpkiError('ERR_BAD_FILE', text, `See what else is wrong with \`fpki ca log verify ${shellWord(path)}\`.`)
}

/** The first moment to show: a day, or a time in RFC 3339. Throws ERR_USAGE. */
export function readSince(word: string): Date {
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(word)
  const time = new Date(isTime ? word : Number.NaN)
  // Date takes the 30th of February for one of March.
  const isDay = Number(word.slice(8, 10)) === new Date(word.slice(0, 10)).getUTCDate()
  if (isDay && !Number.isNaN(time.getTime())) return time
  const text = `Invalid day or time: ${JSON.stringify(word)}.`
  throw new FpkiError('ERR_USAGE', text, 'Give 2026-07-28, or 2026-07-28T12:00:00Z.', { option: 'since' })
}
