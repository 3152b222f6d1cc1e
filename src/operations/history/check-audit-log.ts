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

/** What is wrong with an audit log, or with what it should have. */
const auditLogProblem = z.strictObject({
  /** From 1; null: it is about no line. */
  line: z.nullable(z.int()),
  code: z.enum(['changed', 'removed', 'swapped', 'inserted', 'cut-off', 'bad-signature', 'not-registered', 'missing']),
  message: z.string(),
})

/** What `fpki ca log verify --json` prints. */
export const checkAuditLogResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  lines: z.int(),
  /** The newest line that the root has signed for; null: none. */
  signed: z.nullable(z.strictObject({ line: z.int(), hash: z.string(), at: z.string() })),
  /** Lines behind it: a command was interrupted, or signed nothing. The next one that uses the root key signs for them. */
  unsigned: z.int(),
  /** The line that says that an earlier audit log was not there any more; null: this is the first one. */
  begunAnew: z.nullable(z.strictObject({ line: z.int(), at: z.string() })),
  /** A line was cut off in the writing; what it spoke of never left fpki. */
  torn: z.boolean(),
  /** None: it holds. */
  problems: z.array(auditLogProblem),
})

/** See {@link checkAuditLogResult}. */
export type CheckAuditLogResult = z.infer<typeof checkAuditLogResult>

type Problem = CheckAuditLogResult['problems'][number]

/**
 * Checks the audit log of a PKI directory: its chain, what the root has signed for, and that every certificate of the root's that
 * lies in the directory is in it. Nothing is changed.
 *
 * @throws FpkiError as showAuditLog does, but for lines that are none
 */
export async function checkAuditLog(
  { directory: path }: { readonly directory: string },
  { files }: { readonly files: DurableFiles },
): Promise<CheckAuditLogResult> {
  const directory = pkiDirectory(files, path)
  await requireDirectory(files, path)
  // Looked at first, and the audit log last: what a command keeps and signs meanwhile is there by then.
  const traces = await tracesOfAuditLog(directory)
  const head = await auditLogFiles(directory).readHead()
  const root = await rootIn(directory)
  const there = root === null ? [] : await signedBy(root, directory)
  const text = await auditLogFiles(directory).read()
  const { lines, torn } = splitAuditLog(text ?? '', head)
  const gone = head === null ? goneOf(traces, lines) : null
  if (head === null && text === null && gone === null) throw await noAuditLog(directory)
  const problems = [
    ...(gone === null ? [] : [{ line: null, code: 'missing' as const, message: GONE_MESSAGES[gone] }]),
    ...chainProblems(lines, head),
    ...signatureProblems(head, root),
    ...missingIn(lines, there),
  ]
  const signed = head === null ? null : { line: head.number, hash: head.hash, at: head.signedAt }
  const unsigned = Math.max(0, lines.length - (head?.number ?? 0))
  return {
    directory: path,
    lines: lines.length,
    signed,
    unsigned,
    begunAnew: begunAnewIn(lines),
    torn: torn !== '',
    problems,
  }
}

function begunAnewIn(lines: readonly string[]): CheckAuditLogResult['begunAnew'] {
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

function missingIn(
  lines: readonly string[],
  there: readonly { readonly name: string; readonly der: Uint8Array }[],
): readonly Problem[] {
  const known = new Set(
    lines.flatMap((line) => readLine(line)?.certificates.map(({ fingerprint }) => fingerprint) ?? []),
  )
  const missing = there.filter(({ der }) => !known.has(fingerprintOf(der)))
  return missing.map(({ name }) => {
    return { line: null, code: 'not-registered', message: `${name} is signed by the root, and not in the audit log.` }
  })
}
