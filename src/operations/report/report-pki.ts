import * as z from 'zod/mini'
import type { AuditLogPorts } from '../../audit-log/audit-log.js'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument, SCHEMA_VERSION } from '../../json-document.js'
import { type KeyAccess, rootSignerOf } from '../../keystore/root-key.js'
import type { DurableFiles, Random } from '../../ports.js'
import { printableLines } from '../../printable.js'
import { openPkiOfRoot, openRootKey } from '../open-pki.js'
import { REPORT_MODE, requireFreeForReport, writeSignedReport } from '../signed-report.js'
import { reportCsv } from './csv.js'
import { reportHtml } from './html.js'
import { reportMarkdown } from './markdown.js'
import { type PkiReport, pkiReport } from './model.js'
import { type ReadReportOptions, readReport } from './read-report.js'
import { documentOf } from './sections.js'

/** The formats of a report. */
export const REPORT_FORMATS = ['html', 'md', 'json', 'csv'] as const
/** See {@link REPORT_FORMATS}. */
export type ReportFormat = (typeof REPORT_FORMATS)[number]

/** What `fpki ca report --json` prints. */
export const reportPkiResult = jsonDocument({
  report: pkiReport,
  format: z.enum(REPORT_FORMATS),
  /** Where the report was written, absolute; null: nowhere. */
  file: z.nullable(z.string()),
  /** Where its signature was written, absolute; null: it is not signed. */
  signatureFile: z.nullable(z.string()),
  /** The hash of the signature. */
  hash: z.nullable(z.enum(['sha256', 'sha384', 'sha512'])),
})

/** See {@link reportPkiResult}. */
export type ReportPkiResult = z.infer<typeof reportPkiResult>

/** What to report on, and how. */
export interface ReportPkiOptions extends ReadReportOptions {
  readonly format: ReportFormat
  /** Absolute path of a new file for the report; null: it is not written. */
  readonly out: string | null
  /** Whether the root signs the file; its signature is written to the same path with `.sig`. */
  readonly sign: boolean
}

/** Ports of {@link reportPki}. */
export interface ReportPkiPorts extends AuditLogPorts {
  readonly files: DurableFiles
  readonly random: Random
  readonly access: KeyAccess
}

/**
 * Reports on a PKI directory for people who do not use fpki. Without `sign`, no passphrase and no token is used, and nothing is
 * changed but for the new file; with it, the root signs the report, and the audit log records that.
 *
 * @throws FpkiError ERR_USAGE to sign without a file, and for a file in a PKI directory; ERR_EXISTS when a file of `out` exists; as readReport, and for the root
 *   key as openPkiOfRoot and openRootKey
 */
export async function reportPki(options: ReportPkiOptions, ports: ReportPkiPorts): Promise<ReportPkiResult> {
  const { out, sign, format } = options
  if (sign && out === null) throw signsFilesOnly()
  if (out !== null) await requireFreeForReport({ ...options, out, isSigned: sign }, ports.files)
  const report = await readReport(options, ports)
  const nothing = { report, format, file: null, signatureFile: null, hash: null }
  if (out === null) return nothing
  const text = renderReport(report, format)
  if (sign) return { ...nothing, file: out, ...(await signReport(text, { ...options, out }, ports)) }
  await ports.files.create(out, text, REPORT_MODE)
  return { ...nothing, file: out }
}

/** A report in one of its formats. The same report gives the same text. */
export function renderReport(report: PkiReport, format: ReportFormat): string {
  switch (format) {
    case 'html':
      return reportHtml(documentOf(report))
    case 'md':
      return reportMarkdown(documentOf(report))
    case 'csv':
      return reportCsv(documentOf(report))
    case 'json':
      return `${printableLines(JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...report }, null, 2))}\n`
  }
}

/** Signs a report with the root key, and writes both. */
async function signReport(
  text: string,
  { directory: path, factory, out }: Pick<ReportPkiOptions, 'directory' | 'factory'> & { readonly out: string },
  ports: ReportPkiPorts,
) {
  const pki = await openPkiOfRoot(ports.files, path, factory)
  const { directory, root: certificate } = pki
  const rootSigner = rootSignerOf(directory, ports.access)
  try {
    const signer = await openRootKey(rootSigner, pki)
    const by = { directory, certificate, file: PKI_FILES.rootCertificate, signer }
    return await writeSignedReport({ command: 'ca report', what: 'a report', text, out, ...by }, signer, ports)
  } finally {
    await rootSigner.close()
  }
}

function signsFilesOnly(): FpkiError {
  const hint = 'Name a new file for the report; its signature is written to the same name with .sig.'
  return new FpkiError('ERR_USAGE', 'Refusing to sign a report that is not written to a file.', hint, { option: 'out' })
}
