import * as z from 'zod/mini'
import { chainProblems, readLine, splitAuditLog } from '../../audit-log/chain.js'
import { auditLogFiles } from '../../audit-log/files.js'
import type { AuditLogHead } from '../../audit-log/records.js'
import { forgedHead, rootIn } from '../../audit-log/seal.js'
import { GONE_MESSAGES, goneOf, tracesOfAuditLog } from '../../audit-log/traces.js'
import { certificateFiles } from '../../directory/certificate-files.js'
import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { type Certificate, isIssuedBy, readCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles } from '../../ports.js'
import { noAuditLog, requireDirectory } from './show-audit-log.js'

/** A problem of an audit log, or of a certificate that it should record. */
const auditLogProblem = z.strictObject({
  /** From 1; null: the problem concerns no single line. */
  line: z.nullable(z.int()),
  code: z.enum(['changed', 'removed', 'swapped', 'inserted', 'cut-off', 'bad-signature', 'not-registered', 'missing']),
  message: z.string(),
})

/** What `fpki ca log verify --json` prints. */
export const checkedAuditLog = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  lines: z.int(),
  /** The newest line covered by a signature of the root; null: none. */
  signed: z.nullable(z.strictObject({ line: z.int(), hash: z.string(), at: z.string() })),
  /** The number of lines after it. The next command that uses the root key signs for them. */
  unsigned: z.int(),
  /** The line that records the loss of an earlier audit log; null: this is the first audit log. */
  begunAnew: z.nullable(z.strictObject({ line: z.int(), at: z.string() })),
  /** The last line is incomplete: its write was interrupted, and what it describes was never released. */
  torn: z.boolean(),
  /** Empty: the audit log is intact. */
  problems: z.array(auditLogProblem),
})

/** See {@link checkedAuditLog}. */
export type CheckedAuditLog = z.infer<typeof checkedAuditLog>

type Problem = CheckedAuditLog['problems'][number]

/**
 * Checks the audit log of a PKI directory: its hash chain, the signature of the root, and that it records every certificate
 * in the directory that the root has signed. Nothing is changed.
 *
 * @throws FpkiError as showAuditLog does, except for malformed lines
 */
export async function checkAuditLog(files: DurableFiles, path: string): Promise<CheckedAuditLog> {
  const directory = pkiDirectory(files, path)
  await requireDirectory(files, path)
  // Read before the audit log, which then covers what a concurrent command has written meanwhile.
  const traces = await tracesOfAuditLog(directory)
  const head = await auditLogFiles(directory).readHead()
  const root = await rootIn(directory)
  const signedFiles = root === null ? [] : await signedBy(root, directory)
  const text = await auditLogFiles(directory).read()
  const { lines, torn } = splitAuditLog(text ?? '', head)
  const lost = head === null ? goneOf(traces, lines) : null
  if (head === null && text === null && lost === null) throw await noAuditLog(directory)
  const problems = [
    ...(lost === null ? [] : [{ line: null, code: 'missing' as const, message: GONE_MESSAGES[lost] }]),
    ...chainProblems(lines, head),
    ...signatureProblems(head, root),
    ...unrecordedFiles(lines, signedFiles),
  ]
  const signed = head === null ? null : { line: head.number, hash: head.hash, at: head.signedAt }
  const unsigned = Math.max(0, lines.length - (head?.number ?? 0))
  return {
    directory: path,
    lines: lines.length,
    signed,
    unsigned,
    begunAnew: restartIn(lines),
    torn: torn !== '',
    problems,
  }
}

function restartIn(lines: readonly string[]): CheckedAuditLog['begunAnew'] {
  const line = lines.map(readLine).findLast((one) => one?.kind === 'begun-anew')
  return line == null ? null : { line: line.number, at: line.time }
}

async function signedBy(root: Certificate, directory: PkiDirectory) {
  const files = await certificateFiles(directory)
  return files.filter(({ name, der }) => {
    try {
      return isIssuedBy(readCertificate(der, name), root)
    } catch (error) {
      if (error instanceof FpkiError) return false
      throw error
    }
  })
}

function signatureProblems(head: AuditLogHead | null, root: Certificate | null): readonly Problem[] {
  const message = forgedHead(head, root)
  return message === null ? [] : [{ line: head?.number ?? null, code: 'bad-signature', message }]
}

function unrecordedFiles(
  lines: readonly string[],
  signedFiles: readonly { readonly name: string; readonly der: Uint8Array }[],
): readonly Problem[] {
  const logged = new Set(
    lines.flatMap((line) => readLine(line)?.certificates.map(({ fingerprint }) => fingerprint) ?? []),
  )
  const unrecorded = signedFiles.filter(({ der }) => !logged.has(fingerprintOf(der)))
  return unrecorded.map(({ name }) => {
    return {
      line: null,
      code: 'not-registered',
      message: `${name} is signed by the root, but not recorded in the audit log.`,
    }
  })
}
