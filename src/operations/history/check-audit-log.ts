import * as z from 'zod/mini'
import { chainProblems, readLine, splitAuditLog } from '../../audit-log/chain.js'
import { auditLogFiles } from '../../audit-log/files.js'
import type { AuditLogHead } from '../../audit-log/records.js'
import { headSignatureProblem, rootCertificateOf } from '../../audit-log/seal.js'
import { MISSING_MESSAGES, missingPart, tracesOfAuditLog } from '../../audit-log/traces.js'
import { certificateFiles } from '../../directory/certificate-files.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { requirePkiDirectory } from '../../directory/require.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { type Certificate, isIssuedBy, readCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles } from '../../ports.js'
import { auditLogNotFound } from './show-audit-log.js'

/** A problem in an audit log. */
const auditLogProblem = z.strictObject({
  /** From 1; null when it is not about a single line. */
  line: z.nullable(z.int()),
  code: z.enum(['changed', 'removed', 'swapped', 'inserted', 'cut-off', 'bad-signature', 'not-registered', 'missing']),
  message: z.string(),
})

/** What `fpki ca log verify --json` prints. */
export const checkAuditLogResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  lines: z.int(),
  /** The newest signed line; null when none is signed. */
  signed: z.nullable(z.strictObject({ line: z.int(), hash: z.string(), at: z.string() })),
  /** The number of lines after it. The next command that uses the root key signs them. */
  unsigned: z.int(),
  /** The line that records that an earlier audit log was missing; null for the first audit log. */
  begunAnew: z.nullable(z.strictObject({ line: z.int(), at: z.string() })),
  /** Whether the last line is incomplete after an interruption. */
  torn: z.boolean(),
  /** Empty when the audit log is valid. */
  problems: z.array(auditLogProblem),
})

/** See {@link checkAuditLogResult}. */
export type CheckAuditLogResult = z.infer<typeof checkAuditLogResult>

type Problem = CheckAuditLogResult['problems'][number]

/**
 * Checks the audit log of a PKI directory: its chain, the root's signature, and that it contains every certificate in the
 * directory that the root has signed. Changes nothing.
 *
 * @throws FpkiError like showAuditLog, except for invalid lines
 */
export async function checkAuditLog(
  { directory: path }: { readonly directory: string },
  { files }: { readonly files: DurableFiles },
): Promise<CheckAuditLogResult> {
  const directory = await requirePkiDirectory(files, path)
  // The log is read last, so that it contains what a concurrent command signs meanwhile.
  const traces = await tracesOfAuditLog(directory)
  const head = await auditLogFiles(directory).readHead()
  const root = await rootCertificateOf(directory)
  const signedFiles = root === null ? [] : await signedBy(root, directory)
  const text = await auditLogFiles(directory).read()
  const { lines, torn } = splitAuditLog(text ?? '', head)
  const missing = head === null ? missingPart(traces, lines) : null
  if (head === null && text === null && missing === null) throw await auditLogNotFound(directory)
  const problems = [
    ...(missing === null ? [] : [{ line: null, code: 'missing' as const, message: MISSING_MESSAGES[missing] }]),
    ...chainProblems(lines, head),
    ...signatureProblems(head, root),
    ...unloggedProblems(lines, signedFiles),
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

function restartIn(lines: readonly string[]): CheckAuditLogResult['begunAnew'] {
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
  const isUnchecked = head !== null && root === null
  const message = isUnchecked
    ? `The signature for line ${head.number} cannot be verified, because ${PKI_FILES.rootCertificate} is missing.`
    : headSignatureProblem(head, root)
  return message === null ? [] : [{ line: head?.number ?? null, code: 'bad-signature', message }]
}

function unloggedProblems(
  lines: readonly string[],
  signedFiles: readonly { readonly name: string; readonly der: Uint8Array }[],
): readonly Problem[] {
  const logged = new Set(
    lines.flatMap((line) => readLine(line)?.certificates.map(({ fingerprint }) => fingerprint) ?? []),
  )
  const unlogged = signedFiles.filter(({ der }) => !logged.has(fingerprintOf(der)))
  return unlogged.map(({ name }) => {
    return { line: null, code: 'not-registered', message: `${name} is signed by the root but not in the audit log.` }
  })
}
